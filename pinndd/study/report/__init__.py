"""What studies say: the page about a run, its verdict and costs, and numbers as people read them."""
