"""The memory limit is the container's own, in every layout of cgroups, and never the node's."""

from pathlib import Path

import pytest

from sidecar.cgroup import Memory, read_memory

MIB = 1024**2
UNLIMITED_V1 = "9223372036854771712"
ID = "4b5e" * 16
POD = "/kubepods/burstable/pod42/c1"


class Tree:
    """A root folder with the files of /proc and /sys that a layout has."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._write("proc/meminfo", "MemTotal:       16777216 kB\n")

    def processes(self, *lines: str) -> None:
        self._write("proc/self/cgroup", "\n".join(lines) + "\n")

    def mounts(self, *lines: str) -> None:
        first = "22 1 0:21 / / rw,relatime shared:1 - overlay overlay rw,lowerdir=/l"
        self._write("proc/self/mountinfo", "\n".join((first, *lines)) + "\n")

    def group(self, path: str, **files: str) -> None:
        for name, text in files.items():
            self._write(f"{path}/{name.replace('__', '.', 1)}", f"{text}\n")

    def _write(self, path: str, text: str) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


EVENTS = "low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 0"
V2_MOUNT = "33 22 0:29 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate"


def test_v2_in_a_container_with_its_own_namespace(tree: Tree) -> None:
    tree.processes("0::/")
    tree.mounts(V2_MOUNT)
    tree.group("/sys/fs/cgroup", memory__max=str(512 * MIB), memory__current=str(60 * MIB), memory__events=EVENTS)

    assert read_memory(tree.root) == Memory(512 * MIB, 2)


def test_v2_without_a_limit_is_no_limit_and_not_the_nodes_memory(tree: Tree) -> None:
    tree.processes("0::/")
    tree.mounts(V2_MOUNT)
    tree.group("/sys/fs/cgroup", memory__max="max", memory__current="1", memory__events=EVENTS)

    assert read_memory(tree.root).limit_bytes is None


def test_v2_on_the_host_the_smallest_limit_above_counts(tree: Tree) -> None:
    tree.processes("0::/system.slice/docker/inner")
    tree.mounts(V2_MOUNT)
    tree.group("/sys/fs/cgroup/system.slice", memory__max=str(700 * MIB))
    tree.group("/sys/fs/cgroup/system.slice/docker", memory__max=str(300 * MIB), memory__events="oom_kill 9")
    tree.group("/sys/fs/cgroup/system.slice/docker/inner", memory__max="max", memory__events="oom_kill 1")

    assert read_memory(tree.root) == Memory(300 * MIB, 1)


def test_v2_of_a_container_that_sees_the_hosts_path(tree: Tree) -> None:
    tree.processes(f"0::{POD}")
    tree.mounts(f"33 22 0:29 {POD} /sys/fs/cgroup ro shared:9 master:2 - cgroup2 cgroup rw")
    tree.group("/sys/fs/cgroup", memory__max=str(256 * MIB))

    assert read_memory(tree.root).limit_bytes == 256 * MIB


V1_DOCKER = f"40 33 0:31 /docker/{ID} /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory"


def test_v1_docker_without_a_namespace(tree: Tree) -> None:
    tree.processes(f"11:cpu,cpuacct:/docker/{ID}", f"4:memory:/docker/{ID}", f"0::/docker/{ID}")
    tree.mounts(f"39 33 0:30 /docker/{ID} /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct", V1_DOCKER)
    tree.group(
        "/sys/fs/cgroup/memory",
        memory__limit_in_bytes=str(128 * MIB),
        memory__usage_in_bytes=str(20 * MIB),
        memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 5",
    )

    assert read_memory(tree.root) == Memory(128 * MIB, 5)


def test_v1_a_pods_limit_above_the_container_counts_though_it_cannot_be_seen(tree: Tree) -> None:
    tree.processes(f"4:memory:/docker/{ID}")
    tree.mounts(V1_DOCKER)
    tree.group(
        "/sys/fs/cgroup/memory",
        memory__limit_in_bytes=UNLIMITED_V1,
        memory__stat=f"cache 0\nhierarchical_memory_limit {200 * MIB}\ntotal_cache 0",
    )

    assert read_memory(tree.root).limit_bytes == 200 * MIB


def test_v1_without_a_limit(tree: Tree) -> None:
    tree.processes(f"4:memory:/docker/{ID}")
    tree.mounts(V1_DOCKER)
    tree.group(
        "/sys/fs/cgroup/memory",
        memory__limit_in_bytes=UNLIMITED_V1,
        memory__stat=f"hierarchical_memory_limit {UNLIMITED_V1}",
        memory__oom_control="oom_kill_disable 0\nunder_oom 0",
    )

    assert read_memory(tree.root) == Memory(None, None)


def test_v1_on_the_host_the_smallest_limit_above_counts(tree: Tree) -> None:
    tree.processes("4:memory:/user.slice/me")
    tree.mounts("40 33 0:31 / /sys/fs/cgroup/memory rw,relatime shared:17 - cgroup cgroup rw,memory")
    tree.group("/sys/fs/cgroup/memory", memory__limit_in_bytes=UNLIMITED_V1)
    tree.group("/sys/fs/cgroup/memory/user.slice", memory__limit_in_bytes=str(900 * MIB))
    tree.group("/sys/fs/cgroup/memory/user.slice/me", memory__limit_in_bytes=UNLIMITED_V1)

    assert read_memory(tree.root).limit_bytes == 900 * MIB


def test_the_limit_of_another_cgroup_on_the_host_does_not_count(tree: Tree) -> None:
    tree.processes("4:memory:/user.slice/me")
    tree.mounts("40 33 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory")
    tree.group("/sys/fs/cgroup/memory/user.slice/me", memory__limit_in_bytes=str(900 * MIB))
    tree.group("/sys/fs/cgroup/memory/user.slice/other", memory__limit_in_bytes=str(1 * MIB))

    assert read_memory(tree.root).limit_bytes == 900 * MIB


def test_in_a_hybrid_the_hierarchy_that_has_the_memory_controller_counts(tree: Tree) -> None:
    tree.processes("4:memory:/me", "1:name=systemd:/me", "0::/me")
    tree.mounts(
        "40 33 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
        "41 33 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
    )
    tree.group("/sys/fs/cgroup/memory/me", memory__limit_in_bytes=str(400 * MIB))
    tree.group("/sys/fs/cgroup/unified/me", cgroup__procs="1")

    assert read_memory(tree.root).limit_bytes == 400 * MIB


def test_a_mount_below_a_folder_with_a_space_is_found(tree: Tree) -> None:
    tree.processes("0::/")
    tree.mounts(r"33 22 0:29 / /my\040cgroups rw - cgroup2 cgroup rw")
    tree.group("/my cgroups", memory__max=str(64 * MIB))

    assert read_memory(tree.root).limit_bytes == 64 * MIB


@pytest.mark.parametrize(
    ("path", "mounted"),
    [("/../../other", "/"), (POD, "/"), ("/", POD), ("/", "/../.."), ("/kubepods/other", POD)],
    ids=["out of the namespace", "not there", "above the mount", "mounted from outside", "beside the mount"],
)
def test_a_path_that_is_not_in_the_mount_means_the_mount_itself(tree: Tree, path: str, mounted: str) -> None:
    tree.processes(f"0::{path}")
    tree.mounts(f"33 22 0:29 {mounted} /sys/fs/cgroup ro - cgroup2 cgroup rw")
    tree.group("/sys/fs/cgroup", memory__max=str(64 * MIB), memory__current=str(MIB), memory__events=EVENTS)

    assert read_memory(tree.root) == Memory(64 * MIB, 2)


@pytest.mark.parametrize("processes", [("0::/",), ("4:memory:/",), (), ("nonsense",)])
def test_where_nothing_is_mounted_nothing_is_known(tree: Tree, processes: tuple[str, ...]) -> None:
    tree.processes(*processes)
    tree.mounts()

    assert read_memory(tree.root) == Memory(None, None)


def test_without_proc_nothing_is_known(tmp_path: Path) -> None:
    assert read_memory(tmp_path) == Memory(None, None)


def test_files_that_hold_nonsense_are_as_if_they_were_not_there(tree: Tree) -> None:
    tree.processes("0::/")
    tree.mounts(V2_MOUNT, "broken", "1 2 3 - cgroup2")
    tree.group("/sys/fs/cgroup", memory__max="lots", memory__current="", memory__events="oom_kill many\noom_kill")

    assert read_memory(tree.root) == Memory(None, None)


def test_this_machines_own_cgroup_can_be_read() -> None:
    memory = read_memory()

    assert memory.limit_bytes is None or memory.limit_bytes > 0
