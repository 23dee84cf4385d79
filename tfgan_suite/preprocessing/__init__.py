"""Preparing data sets with Apache Beam. The only room that imports apache_beam."""
