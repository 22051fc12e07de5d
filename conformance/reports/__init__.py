"""The reports of one run, each made of the same record.Run: plain functions from a run to a text."""
