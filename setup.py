"""What pyproject.toml cannot say: the settings under conf/ travel in the package as idf/conf."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["idf", "idf.*"]), "idf.conf"],
    package_dir={"idf.conf": "conf"},
    package_data={"idf": ["py.typed", "data/**/*"], "idf.conf": ["**/*.yaml", "*.yaml"]},
)
