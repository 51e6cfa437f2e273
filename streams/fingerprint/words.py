"""Words that carry no subject, and words that command a model.

The first are function words and courtesies, and are left out where subjects are compared. The second are counted to
tell an instruction from the text that it is applied to.
"""

STOP_WORDS = frozenset(
    """
    a about advance after all also am an and any appreciate are as at be because been before being but by can could
    d did do does each else for from give given grateful had has have he hello help her here hers hey hi him his how
    i if in into is it its just kindly let like ll m may me might must my need no not now of on one only or other
    our out over own please re really s shall she should so some such t than thank thanks that the their them then
    there these they this those to too under up us use used using ve very want was way we were what when where which
    while who whom why will with would you your
    """.split(),
)

COMMAND_WORDS = frozenset(
    """
    above analyse analyze answer assess below brief bullet carefully classify concise concisely correct detail
    detailed evaluate exactly explain explanation extract final finally following format generate grade identify
    instruction instructions json judge justify list markdown must only output paraphrase points problem
    proof provide question rate reason reasoning reply respond response result return rewrite score sentence sentences
    show solution solve state step steps summarise summarize summary text think translate verdict write
    """.split(),
)
