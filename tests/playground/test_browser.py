"""The page in a browser: headless Chromium, from a file, without a network."""

import json
import shutil

import pytest

from tinyrec.playground.record import EPOCHS

selenium = pytest.importorskip("selenium")
from selenium import webdriver  # noqa: E402
from selenium.webdriver import ActionChains, Keys  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

if not (shutil.which("chromium") and shutil.which("chromedriver")):
    pytest.skip("chromium and chromedriver are not installed", allow_module_level=True)

LOGS = {"browser": "ALL", "performance": "ALL"}
CONTRAST = """
const light = (rgb) => {
  const [r, g, b] = rgb.map((its) => (its /= 255) <= 0.04045 ? its / 12.92 : ((its + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const parse = (text) => {
  const numbers = text.match(/[\\d.]+/g).map(Number);
  return text.startsWith("color(srgb") ? numbers.map((its, i) => (i < 3 ? 255 * its : its)) : numbers;
};
const texts = "#matrices td, p, label, h1, h2, h3, button, #formula td";
const over = (top, below) => top.slice(0, 3).map((its, i) => its * (top[3] ?? 1) + below[i] * (1 - (top[3] ?? 1)));
const page = parse(getComputedStyle(document.body).backgroundColor);
return Math.min(...[...document.querySelectorAll(texts)].map((its) => {
  const style = getComputedStyle(its), card = its.closest("section");
  const below = card ? parse(getComputedStyle(card).backgroundColor) : page;
  const back = light(over(parse(style.backgroundColor), below)), text = light(parse(style.color));
  return (Math.max(back, text) + 0.05) / (Math.min(back, text) + 0.05);
}));
"""


@pytest.fixture(scope="module")
def chromium():
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,1000"):
        options.add_argument(flag)
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND")
    options.set_capability("goog:loggingPrefs", LOGS)
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium, play):
    """The page, newly loaded; afterwards, nothing was fetched and the console is empty."""
    screen(chromium, 1280, 1000)
    chromium.get(play.as_uri())
    yield chromium
    assert chromium.get_log("browser") == []
    sent = [json.loads(entry["message"])["message"] for entry in chromium.get_log("performance")]
    urls = [its["params"]["request"]["url"] for its in sent if its["method"] == "Network.requestWillBeSent"]
    assert urls and all(url.startswith(("file:", "data:")) for url in urls)


def screen(driver, width, height, dark=False):
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def get(browser, name):
    return browser.find_element(By.ID, name)


def cell(browser, label):
    """The cell whose label begins so, such as "dW[Cem, 1]:"."""
    return browser.find_element(By.CSS_SELECTOR, f'#matrices td[aria-label^="{label}"]')


def labels(browser, kind):
    cells = browser.find_elements(By.CSS_SELECTOR, f"#matrices td.{kind}")
    return {its.get_attribute("aria-label").split(":")[0] for its in cells}


def go(browser, epoch):
    slider = get(browser, "epoch")
    browser.execute_script(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))", slider, epoch
    )


def shown(browser, label):
    return cell(browser, label).text.replace("−", "-")


def test_the_slider_and_its_keys_move_the_epoch(browser, recordings):
    arrays = recordings["correct"].arrays
    slider = get(browser, "epoch")
    assert slider.get_attribute("max") == str(EPOCHS)
    slider.send_keys(Keys.ARROW_RIGHT * 3)
    assert slider.get_attribute("value") == "3"
    for epoch in (3, 50, EPOCHS):
        go(browser, epoch)
        assert f"epoch {epoch}" in get(browser, "now").text
        assert float(shown(browser, "Y[Casablanca, Ann]:")) == pytest.approx(arrays["Y"][epoch][2, 0], abs=0.006)
        assert float(shown(browser, "dW[Cem, 2]:")) == pytest.approx(arrays["dW"][epoch][2, 1], rel=0.2, abs=0.006)
    slider.send_keys(Keys.HOME)
    assert "epoch 0" in get(browser, "now").text
    browser.find_element(By.TAG_NAME, "body").send_keys("..,")
    assert "epoch 1\n" in get(browser, "now").text


def test_play_goes_on_by_itself_and_stops(browser):
    play = get(browser, "play")
    go(browser, EPOCHS - 2)
    play.click()
    assert play.text == "Pause"
    WebDriverWait(browser, 60).until(lambda _: play.text == "Play")
    assert f"epoch {EPOCHS}\n" in get(browser, "now").text
    play.click()  # from the start again
    play.click()
    assert play.text == "Play" and int(get(browser, "epoch").get_attribute("value")) < EPOCHS


def test_the_numbers_that_made_a_number_light_up(browser, recordings):
    go(browser, 12)
    ActionChains(browser).move_to_element(cell(browser, "dW[Cem, 1]:")).perform()
    movies = ("Alien", "Casablanca", "Eraserhead")  # those that Cem has rated
    expected = {f"{name}[{movie}, {of}]" for movie in movies for name, of in (("dY", "Cem"), ("H", "1"))}
    assert labels(browser, "source") == expected | {"W[Cem, 1]"}
    assert labels(browser, "selected") == {"dW[Cem, 1]"}
    text = get(browser, "formula").text.replace("−", "-")
    assert "Σᵢ dY[i,j] H[i,l] + λ W[j,l]" in text
    arrays = {name: its[12] for name, its in recordings["correct"].arrays.items()}
    for number in (arrays["dY"][0, 2], arrays["H"][4, 0], arrays["W"][2, 0], arrays["dW"][2, 0]):
        assert f"{float(f'{number:.4g}'):g}" in text
    ActionChains(browser).move_to_element(cell(browser, "Z[Brazil, 2]:")).perform()
    expected = {"R[Brazil, Ann]", "V[Ann, 2]", "R[Brazil, Dee]", "V[Dee, 2]", "mu[2]"}
    assert labels(browser, "source") == expected


def test_what_is_pointed_at_goes_before_what_has_the_focus(browser):
    cell(browser, "H[Dumbo, 1]:").click()
    assert labels(browser, "selected") == {"H[Dumbo, 1]"}
    ActionChains(browser).move_to_element(cell(browser, "db[Ann]:")).perform()
    assert labels(browser, "selected") == {"db[Ann]"}
    ActionChains(browser).move_to_element(get(browser, "verdict")).perform()
    assert labels(browser, "selected") == {"H[Dumbo, 1]"}
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert labels(browser, "selected") == set() and "Point at a number" in get(browser, "formula").text


def test_tab_and_arrows_reach_every_cell(browser):
    get(browser, "double").send_keys(Keys.TAB)
    seen = []
    while (active := browser.switch_to.active_element).tag_name == "td":
        seen.append(active.get_attribute("aria-label").split(":")[0])
        assert labels(browser, "selected") == set(seen[-1:])
        active.send_keys(Keys.TAB)
    names = ["R", "V", "mu", "Z", "H", "W", "b", "Y", "E", "loss", "dY", "dH", "dW", "db", "dZ", "dV", "dmu"]
    assert [its.partition("[")[0] for its in seen if "step" not in its and "Σ" not in its and "λ" not in its] == names
    for key, expected in ((Keys.ARROW_DOWN, "R[Brazil, Ann]"), (Keys.ARROW_RIGHT, "R[Brazil, Bob]")):
        (cell(browser, "R[Alien, Ann]:") if key == Keys.ARROW_DOWN else active).send_keys(key)
        active = browser.switch_to.active_element
        assert active.get_attribute("aria-label").startswith(expected)
    active.send_keys(Keys.ARROW_LEFT * 2)  # there is nothing further left
    assert browser.switch_to.active_element.get_attribute("aria-label").startswith("R[Brazil, Ann]")


def test_the_check_passes_without_the_mask_and_fails_with_a_doubled_penalty(browser):
    go(browser, 40)
    assert get(browser, "passes").text == "✓ passes"
    assert cell(browser, "R[Casablanca, Ann]:").get_attribute("aria-label").endswith("not rated")
    get(browser, "no-mask").click()
    assert get(browser, "passes").text.startswith("✓ passes") and "6 ratings of 0 stars" in get(browser, "verdict").text
    assert shown(browser, "R[Casablanca, Ann]:") == "0"
    get(browser, "double").click()
    assert get(browser, "passes").text == "✗ fails for V and W"
    get(browser, "no-mask").click()
    assert get(browser, "passes").text == "✗ fails for V and W" and "not 2λ W" in get(browser, "verdict").text
    assert "2λ W[j,l]" in get(browser, "formula").text


def test_turns_are_marked_in_the_steps(browser, recordings):
    arrays = recordings["correct"].arrays
    epoch = int((arrays["eta W"] == 0.5).any((1, 2)).nonzero()[0][0])
    go(browser, epoch)
    turned = labels(browser, "turned")
    count = sum(int((arrays[f"eta {name}"][epoch] == 0.5).sum()) for name in ("V", "mu", "W", "b"))
    assert len(turned) == count and any(its.startswith("step W") for its in turned)
    cell(browser, "step W[Cem, 1]:").click()
    turns = int((arrays["eta W"][:, 2, 0] == 0.5).sum())
    assert len(browser.find_elements(By.CSS_SELECTOR, "#path .turn")) == turns
    assert f"{turns} turns" in browser.find_element(By.CSS_SELECTOR, "#path figcaption").text


def test_where_training_starts(browser):
    cell(browser, "V[Ann, 1]:").click()
    assert "standard deviation 0.01" in get(browser, "formula").text
    get(browser, "next").click()
    assert "− sign dV[Ann, 1] before · step V[Ann, 1] before" in get(browser, "formula").text
    assert labels(browser, "earlier") == {"dV[Ann, 1]", "step V[Ann, 1]", "V[Ann, 1]"}
    cell(browser, "λ/2").click()
    assert "λ/2 · W[Ann, 1]²" in get(browser, "formula").text
    cell(browser, "H[Alien, 1]:").click()
    assert "σ(Z[Alien, 1])" in get(browser, "formula").text


@pytest.mark.parametrize("dark", [False, True])
def test_both_themes_can_be_read(browser, dark):
    screen(browser, 1280, 1000, dark)
    toggle = get(browser, "theme")
    expected = "Light theme" if dark else "Dark theme"
    WebDriverWait(browser, 60).until(lambda _: toggle.text == expected)  # the page hears of the system's theme later
    before = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    for epoch in (0, 30, EPOCHS):
        go(browser, epoch)
        assert browser.execute_script(CONTRAST) >= 4.5
    toggle.click()
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") != before
    assert browser.execute_script(CONTRAST) >= 4.5
    assert toggle.text == ("Dark theme" if dark else "Light theme")


@pytest.mark.parametrize("width, height", [(390, 844), (820, 1100), (1265, 900)])
def test_nothing_is_cut_off(browser, width, height):
    screen(browser, width, height)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    for epoch in (0, 5, 60):
        go(browser, epoch)
        cells = browser.find_elements(By.CSS_SELECTOR, "#matrices td")
        assert not browser.execute_script("return arguments[0].filter((td) => td.scrollWidth > td.clientWidth)", cells)
