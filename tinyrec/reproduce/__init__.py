"""The tables and figures of the papers: run on the splits that they describe, and printed beside the published numbers.

`tables/`: one TOML file for each;  `results/`: our measurements, and the pages and plots made from them
"""
