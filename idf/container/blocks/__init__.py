"""Audio blocks: conversion of samples to planes of 16-bit integers, which a model codes."""
