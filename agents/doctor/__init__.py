"""What is wrong with this set-up: a sentence for each thing that was looked at, well or not, with what to do about it.

Each module looks at one thing. A look that fails says so in a sentence and does not stop the others, and none hangs.
"""
