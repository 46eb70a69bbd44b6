"""Prints the table GOLDEN of repetition.rs: logits after the repetition penalty of transformers.

    python golden.py          (transformers 4.57.3; any version gives the same)
"""

import torch
from transformers import RepetitionPenaltyLogitsProcessor

LOGITS = [2.5, -1.25, 0.0, 0.75, -3.0, 6.0]

for penalty, context in [
    (1.1, [0, 1, 2]),
    (1.3, [5, 5, 5, 4]),
    (2.0, [3, 0, 3, 1, 4, 2, 5]),
    (0.8, [1, 3]),
    (1.2, []),
]:
    ids = torch.tensor([context], dtype=torch.long)
    scores = torch.tensor([LOGITS], dtype=torch.float64)
    after = RepetitionPenaltyLogitsProcessor(penalty)(ids, scores)[0].tolist() if context else LOGITS
    print(f"({penalty}, &{context}, {after}),")
