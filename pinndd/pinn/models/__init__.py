"""The models that learners train: fields of a point, networks conditioned on a condition, maps from condition to field."""
