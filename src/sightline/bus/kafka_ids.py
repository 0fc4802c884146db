"""Whether a topic of Kafka is still the one that it was: one that was deleted may be made again by its name.

librdkafka goes on in the new one at the offset where it was in the old one, and thereby passes over what
stands before that. Each topic has an id that no other gets (KIP-516): it is asked for beside the reading, and
nobody waits for the answer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import Future
from typing import Any, Final

from sightline.bus.kafka_questions import KafkaQuestions

MOST_KEPT: Final = 4096
"""Of so many topics that are not held any more the id is kept; of more, that known longest is dropped."""


class KafkaIds:
    """The ids of what one consumer holds. One thread uses it.

    Args:
        questions: who asks.
    """

    def __init__(self, questions: KafkaQuestions) -> None:
        self._questions = questions
        self._known: dict[str, str] = {}
        self._asked: Mapping[str, Future[Any]] = {}

    def changed(self, topics: Collection[str]) -> frozenset[str]:
        """Those of which the id is another than before, as far as is known by now; and asks again."""
        answers, done = self._asked, all(answer.done() for answer in self._asked.values())
        if not done:
            return frozenset()
        self._asked = self._questions.ask_ids(topics) if topics else {}
        ids = {topic: _id(answer) for topic, answer in answers.items()}
        changed = {
            topic
            for topic, now in ids.items()
            if now and topic in topics and self._known.setdefault(topic, now) != now
        }
        self._known.update({topic: ids[topic] for topic in changed})
        self._keep_few(topics)
        return frozenset(changed)

    def is_same(self, topic: str) -> bool:
        """Whether it is for certain the one that it was; asks, and waits."""
        before = self._known.get(topic)
        answer = self._questions.ask_ids([topic])[topic] if before else None
        return answer is not None and _id(answer) == before

    def other(self, topics: Collection[str]) -> frozenset[str]:
        """Those that are for certain not the ones that they were; asks, and waits."""
        before = {topic: self._known[topic] for topic in topics if topic in self._known}
        answers = self._questions.ask_ids(before) if before else {}
        return frozenset(
            topic for topic, answer in answers.items() if (now := _id(answer)) and now != before[topic]
        )

    def forget(self, topic: str) -> None:
        """It was lost; what was asked of it is not heard."""
        self._known.pop(topic, None)
        self._asked = {name: answer for name, answer in self._asked.items() if name != topic}

    def forget_all_but(self, topics: Collection[str]) -> None:
        for topic in (self._known.keys() | self._asked.keys()).difference(topics):
            self.forget(topic)

    def _keep_few(self, held: Collection[str]) -> None:
        """Topics of a pattern come and go for ever."""
        kept = [topic for topic in self._known if topic not in held]
        for topic in kept[:-MOST_KEPT]:
            del self._known[topic]


def _id(answer: Future[Any]) -> str:
    """The id; "" where none was told."""
    return "" if answer.exception() is not None else str(answer.result().topic_id)
