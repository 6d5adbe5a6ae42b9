"""What the end-to-end tests share: the images in the cluster, and a server that most of them leave whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.kubernetes_stack import Stack, a_stack, in_the_cluster
from tests.images import Images


@pytest.fixture(scope="session")
def cluster_images(images: Images) -> Iterator[Images]:
    with in_the_cluster(images):
        yield images


@pytest.fixture(scope="session")
def whole_stack(cluster_images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give a server whose pod stays; a run may take 18 s."""
    folder: Path = tmp_path_factory.mktemp("stack")
    with a_stack(cluster_images, folder, NEO4J_BACKUP_TIMEOUT="18s", NEO4J_BACKUP_GRACE="2s") as made:
        yield made


@pytest.fixture
def stack(whole_stack: Stack) -> Iterator[Stack]:
    """Give that server, with a neo4j-admin that does what it should until a test says otherwise."""
    whole_stack.set_knobs()
    yield whole_stack
    whole_stack.set_knobs()


@pytest.fixture(scope="session")
def frail_stack(cluster_images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give a server that tests may break; a run may take as long as it does."""
    folder: Path = tmp_path_factory.mktemp("frail-stack")
    with a_stack(cluster_images, folder, NEO4J_BACKUP_GRACE="2s") as made:
        yield made
