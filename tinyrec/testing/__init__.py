"""Checks that every model must pass, for users who write a model of their own; after scikit-learn's check_estimator."""

from tinyrec.testing.suite import check_recommender, recommender_checks

__all__ = ["check_recommender", "recommender_checks"]
