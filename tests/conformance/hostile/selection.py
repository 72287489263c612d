"""A conftest.py: of a hostile plugin only the test runs that it must fail, of a good one all."""


def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if item.cls.must_fail in (None, item.originalname)]
