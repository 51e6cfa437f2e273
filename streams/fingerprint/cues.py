"""The words that speak for a capability, by weight: 3 nearly names it, 2 belongs to it, 1 goes with it.

A word may speak for several capabilities. All are in lower case and single: no phrase, no fixed opening.
"""

from typing import Final

from streams.events import Capability

CUES: Final[dict[Capability, dict[int, str]]] = {
    "reasoning": {
        3: """
            theorem lemma prove proof derive deduce puzzle riddle step-by-step reasoning chain-of-thought equation
            equations integral derivative probability combinatorics polynomial
        """,
        2: """
            logic logical logically solve solution deduction mathematical math maths geometry algebra calculus calculate
            hypothesis paradox infer premise premises inequality contradiction prime modulo sqrt rational theory
        """,
        1: """
            think explain why steps step sum square root angle reason conclude assume analyse analyze compare argument
            divided times possible consider
        """,
    },
    "coding": {
        3: """
            python pythonic javascript typescript java c++ c# rust golang kotlin swift ocaml php ruby html css sql bash
            compile compiler refactor debug stacktrace traceback def const printf println codebase regex numpy fortran
            nodejs node.js react django unittest pytest typeerror syntaxerror valueerror haskell perl scala matlab
            powershell recursion ``` async stdin seaborn streamlit tuple substring arraylist hashmap
        """,
        2: """
            code function functions script program class method algorithm variable variables syntax loop api bug
            compiling programming array arrays dictionary dict string strings boolean integer integers int char struct
            pointer module import return returns implement snippet repository git docker linux ubuntu shell command fix
            constructor delimiter delimiters iterate index kernel shader query
        """,
        1: """
            write list lists output input object error server file files test software parameter arguments element
            elements takes given convert split digits digit number numbers sort directory database delete print prints
        """,
    },
    "tool_use": {
        3: """
            pretrained pre-trained huggingface torchhub tensorflow plugin plugins webhook endpoint tool-call
            function-call function-calling nlp
        """,
        2: """
            api apis tool tools library invoke model models orchestrate orchestration workflow automate agent agents
            embeddings classifier chatbot
        """,
        1: """
            call recommend suggest provide search find select detect classify classification recognize recognition
            identify estimate predict generate audio speech voice video convert transcribe service book schedule
            application app system technology need want company
        """,
    },
    "data_analysis": {
        3: """
            dataset datasets dataframe dataframes pandas csv spreadsheet excel regression correlation visualization
            visualisation histogram pivot anova forecasting quartile outliers tableau
        """,
        2: """
            data column columns rows row chart plot graph statistics statistical trend median variance mean
            cluster clustering metrics aggregate tabular survey
        """,
        1: "average analyze analyse analysis summary report sales revenue percentage group distribution total table",
    },
    "vision": {
        3: "screenshot screenshots ocr",
        2: "image images photo photos picture pictures photograph",
        1: "camera visual pixel diagram drawing figure caption bounding scanned",
    },
    "rubric_grading": {
        3: "rubric rubrics grader grading",
        2: """
            score scores scoring judge judging rate rating ratings grade evaluate evaluating evaluation evaluator
            criteria criterion assess assessing feedback preference pairwise
        """,
        1: """
            response responses answer answers assistant reference scale quality helpful helpfulness harmless honest
            verdict better instruction instructions integer strictly accurate
        """,
    },
    "policy_sensitive": {
        3: """
            censorship censored censor dissident dissidents jailbreak authoritarian authoritarianism propaganda
            uncensored disallowed genocide tiananmen extremist bioweapon
        """,
        2: """
            political politically sensitive controversial regime protest protests refuse refusal harmful illegal weapon
            weapons explosive bypass policy-compliant democracy dictatorship surveillance hate drugs malware exploit
            suicide bomb hack steal
        """,
        1: """
            policy government party leader leaders rewrite neutral safe unsafe compliant rights guidelines topic racist
            violence police
        """,
    },
}
