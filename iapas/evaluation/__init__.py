"""Measuring: data sets as data, exact metrics that stream, protocols, tables."""
