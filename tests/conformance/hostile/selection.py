"""A conftest.py: of each class only the test runs that its plugin must fail."""


def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if item.originalname == item.cls.must_fail]
