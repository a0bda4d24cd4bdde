"""Measuring: data sets as data, exact metrics that stream, two protocols, tables."""
