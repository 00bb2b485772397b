// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// mixed_files.hpp: one pair of descriptors of each kind, for programs that must get the same results whenever
// they run: what has been written can be read.
#pragma once

#include "tests/support/descriptors.hpp"
#include "tests/support/last_error.hpp"
#include "tests/support/sockets.hpp"

#include <cstdlib>
#include <poll.h>
#include <string_view>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <vector>

namespace tests {

// Returns the events of the descriptor, by a call that is not hooked.
inline short events_now(int fd, short wanted) {
    pollfd file{fd, wanted, 0};
    timespec const zero{};
    must(::syscall(SYS_ppoll, &file, 1, &zero, nullptr, 0) >= 0);
    return file.revents;
}

struct mixed_file {
    std::string_view kind;
    descriptor in, out;
    bool is_nonblocking = false, has_timeout = false;
    std::size_t queued = 0; // bytes that have been written and not read

    [[nodiscard]] bool is(std::string_view what) const { return kind == what; }
    [[nodiscard]] bool may_wait() const {
        return !is_nonblocking && !has_timeout && events_now(in.get(), POLLIN) == 0;
    }
    // A terminal and TCP pass bytes on some time after the write.
    void settle() const {
        int n = 0;
        if (is("tty") || is("tcp"))
            until([&] {
                return ::ioctl(in.get(), FIONREAD, &n) == 0 && static_cast<std::size_t>(n) == queued;
            });
    }
};

inline descriptor_pair terminal_pair() {
    int const master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    char name[64];
    must(::grantpt(master) == 0 && ::unlockpt(master) == 0 && ::ptsname_r(master, name, sizeof name) == 0);
    int const slave = ::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    termios raw{};
    must(::tcgetattr(slave, &raw) == 0);
    ::cfmakeraw(&raw);
    must(::tcsetattr(slave, TCSANOW, &raw) == 0);
    return {descriptor(slave), descriptor(master)};
}
inline descriptor_pair file_pair() {
    temporary_file const file("");
    std::string const name = "/proc/self/fd/" + std::to_string(file.fd());
    return {descriptor(::open(name.c_str(), O_RDWR | O_CLOEXEC)),
            descriptor(::open(name.c_str(), O_RDWR | O_CLOEXEC))};
}
inline descriptor_pair event_pair() {
    int const fd = ::eventfd(0, EFD_CLOEXEC);
    return {descriptor(fd), descriptor(::dup(fd))};
}
// A set that watches an eventfd.
inline descriptor_pair epoll_pair() {
    int const set = ::epoll_create1(EPOLL_CLOEXEC);
    int const fd = ::eventfd(0, EFD_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN;
    must(::epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0);
    return {descriptor(set), descriptor(fd)};
}

inline mixed_file make_file(std::string_view kind) {
    auto pair = kind == "pipe"        ? pipe_pair()
                : kind == "stream"    ? unix_sockets(SOCK_STREAM)
                : kind == "datagram"  ? unix_sockets(SOCK_DGRAM)
                : kind == "seqpacket" ? unix_sockets(SOCK_SEQPACKET)
                : kind == "tcp"       ? tcp_sockets()
                : kind == "file"      ? file_pair()
                : kind == "tty"       ? terminal_pair()
                : kind == "eventfd"   ? event_pair()
                                      : epoll_pair();
    return {kind, std::move(pair.in), std::move(pair.out)};
}
inline std::vector<mixed_file> make_files() {
    std::vector<mixed_file> files;
    for (std::string_view const kind :
         {"pipe", "stream", "datagram", "seqpacket", "tcp", "file", "tty", "eventfd", "epoll"})
        files.push_back(make_file(kind));
    return files;
}

} // namespace tests
