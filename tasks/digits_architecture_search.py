"""Architecture search on digits: which of sixteen small networks is best, judged by training them on ten images per class?

scikit-learn's digits. The candidates are MLPs and ConvNets; the truth is their ranking by accuracy after training on all images.
"""

from pinndd.vision.datasets import load_dataset
from pinndd.vision.ranking import ranking_task
from pinndd.vision.search_space import small_networks

task = ranking_task(
    load_dataset("digits"),
    "digits_architecture_search",
    small_networks((1, 8, 8), 10)[::3],
    title="Which of sixteen small networks is best on digits, from ten images per class",
)
