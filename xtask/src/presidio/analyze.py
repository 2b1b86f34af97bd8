"""Runs the pattern recognizers of Presidio over texts: one JSON object a line in, one array out.

Every recognizer that works by patterns is on, also those that are off by default. There is no
language model: what a model finds is another thing to measure, and much slower.
"""

import json
import logging
import sys
import time

import tldextract
from presidio_analyzer import (
    AnalyzerEngine,
    PatternRecognizer,
    RecognizerRegistry,
    predefined_recognizers,
)
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

THRESHOLD = 0.4


class NoModel(NlpEngine):
    def load(self):
        pass

    def is_loaded(self):
        return True

    def process_text(self, text, language):
        return NlpArtifacts([], [], [], [], self, language)

    def process_batch(self, texts, language, **_):
        return ((text, self.process_text(text, language)) for text in texts)

    def is_stopword(self, word, language):
        return False

    def is_punct(self, word, language):
        return False

    def get_supported_entities(self):
        return []

    def get_supported_languages(self):
        return ["en"]


def recognizers():
    for name in sorted(predefined_recognizers.__all__):
        try:
            recognizer = getattr(predefined_recognizers, name)(supported_language="en")
        except Exception:
            # It needs a service or a model.
            continue
        if isinstance(recognizer, PatternRecognizer) or name == "PhoneRecognizer":
            yield recognizer


def main():
    logging.disable(logging.WARNING)
    # The list of suffixes that it brings along; it would ask the network for a newer one.
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    registry = RecognizerRegistry(recognizers=list(recognizers()))
    engine = AnalyzerEngine(
        registry=registry, nlp_engine=NoModel(), supported_languages=["en"]
    )
    lines = [json.loads(line) for line in sys.stdin]
    start = time.perf_counter()
    found = [
        engine.analyze(
            text=line["text"],
            language="en",
            context=line.get("context"),
            score_threshold=THRESHOLD,
        )
        for line in lines
    ]
    seconds = time.perf_counter() - start
    for line, finds in zip(lines, found, strict=True):
        text = line["text"]

        def byte(at):
            return len(text[:at].encode())

        print(json.dumps([[f.entity_type, byte(f.start), byte(f.end)] for f in finds]))
    print(json.dumps(seconds))


main()
