"""Limits that have to fit each other."""

from layerstore.storage.objects import claims
from layerstore.storage.objects.http import ANSWER_S
from layerstore.storage.objects.patience import CALL_S


def test_a_store_that_hangs_once_is_asked_again() -> None:
    assert 2 * ANSWER_S < CALL_S


def test_a_claim_is_given_up_before_it_is_taken_over_and_taken_over_before_waiting_ends() -> None:
    """Dates in headers are whole seconds, so that an age may be told as one more than it is."""
    assert 2 * claims.RENEW_S < claims.LOST_S < claims.ABANDONED_S - 1
    assert claims.ABANDONED_S < claims.WAIT_S
