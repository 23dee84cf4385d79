import numpy as np
import pytest

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics import Activations, ClassAgreement, ConfidentShare, class_agreement, confident_share

LOGITS = np.log([[0.96, 0.02, 0.02], [0.94, 0.03, 0.03], [0.01, 0.01, 0.98], [0.3, 0.4, 0.3]])


def test_confident_share_counts_rows_above_the_threshold():
    assert confident_share(LOGITS) == 0.5
    assert confident_share(LOGITS, 0.9) == 0.75
    assert confident_share(LOGITS, 0.35) == 1.0
    assert confident_share(LOGITS + 1000.0) == 0.5


def test_class_agreement_counts_the_classes_that_were_asked_for():
    assert class_agreement(LOGITS, [0, 0, 2, 1]) == 1.0
    assert class_agreement(LOGITS, np.array([0, 1, 2, 2])) == 0.5


def test_streamed_in_batches():
    metrics = [ConfidentShare(0.9), ClassAgreement()]
    labels = np.array([0, 1, 2, 2])
    for rows in (slice(0, 3), slice(3, 4)):
        for metric in metrics:
            metric.update_fake(Activations(LOGITS[rows], LOGITS[rows], labels[rows]))
    assert [metric.result() for metric in metrics] == [(0.75, None), (0.5, None)]
    assert metrics[0].fresh().threshold == 0.9


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: confident_share(LOGITS, 1.0), "`threshold` must be in"),
        (lambda: confident_share(LOGITS * np.nan), "NaN"),
        (lambda: class_agreement(LOGITS, [0, 1]), "integer array .rows. with 4 entries"),
        (lambda: class_agreement(LOGITS, [0, 1, 2, 3]), "`labels` must be from 0 to 2"),
        (lambda: class_agreement(LOGITS, [0.0, 1, 2, 1]), "integer array .rows."),
    ],
)
def test_hostile_input(call, message):
    with pytest.raises(UserError, match=message):
        call()
