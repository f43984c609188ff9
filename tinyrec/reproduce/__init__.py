"""The tables and figures of the papers: run on the splits that they describe, and printed beside the published numbers.

`tables/`: one TOML file each;  `results/`: what we measured, and the pages and plots that are made from it
"""
