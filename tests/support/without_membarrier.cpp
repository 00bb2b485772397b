// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// without_membarrier COMMAND [ARGUMENT…]: runs the command with a filter that refuses membarrier(2). Old
// kernels and the system call filters of some containers refuse it, too. Exits with status 77 if the
// filter is not permitted.

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <linux/filter.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr int cannot = 77, failed = 1;

int fail(char const* what, int status) {
    std::fprintf(stderr, "without_membarrier: %s: %s\n", what, std::strerror(errno));
    return status;
}

bool refuse_membarrier() {
    std::array<sock_filter, 4> instructions{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    sock_fprog const filter{instructions.size(), instructions.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fputs("usage: without_membarrier COMMAND [ARGUMENT…]\n", stderr);
        return failed;
    }
    if (!refuse_membarrier())
        return fail("no filter for system calls", cannot);
    if (::syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) != -1 || errno != ENOSYS)
        return fail("membarrier is not refused", failed);
    ::execvp(argv[1], argv + 1);
    return fail(argv[1], failed);
}
