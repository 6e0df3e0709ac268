"""The purchase model: will this user buy within a day?"""
