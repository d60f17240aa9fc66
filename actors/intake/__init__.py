"""Intake: every order commercetools has is known here, on disk, before anything is done about it."""
