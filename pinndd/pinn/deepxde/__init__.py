"""A distilled set in DeepXDE: its problem, the training of its network, and that training as a learner."""
