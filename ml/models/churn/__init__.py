"""The churn model: will this user stay away for two weeks?"""
