"""Evaluation at work: a detector in a simulated world that reacts to it, recorded traffic, and reports."""
