"""Words that were meant."""

from sightline.kinds import nearest


def test_the_nearest_word_is_told_however_it_is_written() -> None:
    assert nearest("urll", ["url", "username"]) == '; did you mean "url"?'
    assert nearest("gate_pasword", ["GATE_PASSWORD"]) == '; did you mean "GATE_PASSWORD"?'
    assert nearest("zzz", ["url"]) == ""
    assert nearest("", []) == ""
