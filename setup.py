"""The part of the build that pyproject.toml cannot express: the package contains the settings in conf/ as idf/conf."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["idf", "idf.*"]), "idf.conf"],
    package_dir={"idf.conf": "conf"},
    package_data={"idf": ["py.typed", "data/**/*"], "idf.conf": ["**/*.yaml", "*.yaml"]},
)
