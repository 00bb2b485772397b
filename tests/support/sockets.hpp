// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// sockets.hpp: what the tests of fiber::net share: connected streams, bytes, and counts of descriptors.
#pragma once

#include "tests/support/catch.hpp"

#include <fiber/go.hpp>
#include <fiber/net.hpp>
#include <fiber/runtime.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <poll.h>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tests {

inline std::span<std::byte const> bytes(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}
template <class Buffer>
std::span<std::byte> room(Buffer& buffer) {
    return std::as_writable_bytes(std::span(buffer.data(), buffer.size()));
}
inline fiber::net::endpoint loopback(std::uint16_t port = 0) {
    return fiber::net::endpoint::parse("127.0.0.1:" + std::to_string(port));
}
inline auto in(std::chrono::milliseconds d) { return std::chrono::steady_clock::now() + d; }
constexpr auto no_deadline = std::chrono::steady_clock::time_point::max();

// Reads n bytes, or up to the end of the stream.
inline std::string read_text(fiber::net::tcp_stream& from, std::size_t n) {
    std::string text(n, '\0');
    std::error_code error;
    text.resize(from.read_exact(room(text), error));
    return text;
}

struct stream_pair {
    fiber::net::tcp_stream here, there;
};
// Accepts the client's connection. Another process may connect first, because it knows the port of old.
inline fiber::net::tcp_stream accept(fiber::net::tcp_listener& listener,
                                     fiber::net::tcp_stream const& client) {
    for (;;) {
        auto stream = listener.accept();
        std::error_code error;
        if (stream.remote_endpoint(error).port() == client.local_endpoint().port() ||
            client.local_endpoint().is_unix())
            return stream;
    }
}
// Makes two connected streams, over TCP or over a unix socket.
inline stream_pair tcp_pair() {
    fiber::net::tcp_listener listener(loopback());
    auto here = fiber::net::tcp_stream::connect(listener.local_endpoint());
    auto there = tests::accept(listener, here);
    return {std::move(here), std::move(there)};
}
inline stream_pair unix_pair() {
    std::array<int, 2> fds{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0)
        FAIL("no socketpair");
    return {fiber::net::tcp_stream(fds[0]), fiber::net::tcp_stream(fds[1])};
}
// Calls body(make_pair) for both kinds, in a fiber and in an OS thread.
template <class Body>
void for_each_kind_of_stream(Body const& body) {
    for (auto* const make : {tcp_pair, unix_pair}) {
        INFO((make == tcp_pair ? "TCP" : "unix"));
        fiber::run([&] { body(make); });
        INFO("in an OS thread");
        body(make);
    }
}

// Yields until the condition holds. A condition that never holds is a hang, which main.cpp reports.
template <class Condition>
void until(Condition const& condition) {
    while (!condition())
        fiber::this_fiber::yield();
}
// Yields until n fibers of the runtime are parked.
inline void until_parked(std::size_t n, fiber::runtime& runtime = fiber::runtime::global()) {
    until([&] { return runtime.stats().fibers_parked >= n; });
}
// Writes until the socket's buffers are full, and returns the number of bytes written.
inline std::size_t fill(fiber::net::tcp_stream& s) {
    std::string const block(1 << 16, 'x');
    std::size_t total = 0;
    for (;;) {
        auto const n = ::send(s.native_handle(), block.data(), block.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        pollfd writable{s.native_handle(), POLLOUT, 0};
        // The peer's side of a TCP connection takes data over for some time after the send.
        if (n < 0 && ::poll(&writable, 1, 20) != 1)
            return total;
        total += n > 0 ? static_cast<std::size_t>(n) : 0;
    }
}

inline std::size_t open_descriptors() {
    namespace fs = std::filesystem;
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}
// Checks that all descriptors opened since have been closed. The netpoller's own exist before.
class no_open_descriptors {
public:
    no_open_descriptors() {
        fiber::run([] {
            auto pair = unix_pair();
            std::error_code error;
            static_cast<void>(pair.here.wait_readable(in(std::chrono::milliseconds(1)), error));
        });
        before_ = open_descriptors();
    }
    no_open_descriptors(no_open_descriptors const&) = delete;
    no_open_descriptors& operator=(no_open_descriptors const&) = delete;
    ~no_open_descriptors() { CHECK(open_descriptors() == before_); }

private:
    std::size_t before_ = 0;
};

// A directory that is removed with its contents.
class temporary_directory {
public:
    temporary_directory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "fiber-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    temporary_directory(temporary_directory const&) = delete;
    temporary_directory& operator=(temporary_directory const&) = delete;
    ~temporary_directory() { std::filesystem::remove_all(path_); }
    [[nodiscard]] std::string file(std::string_view name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

// A file without a name, with the content.
class temporary_file {
public:
    explicit temporary_file(std::string_view content) {
        std::string pattern = (std::filesystem::temp_directory_path() / "fiber-XXXXXX").string();
        fd_ = ::mkostemp(pattern.data(), O_CLOEXEC);
        ::unlink(pattern.data());
        for (std::size_t done = 0; done < content.size();)
            done += static_cast<std::size_t>(
                ::pwrite(fd_, content.data() + done, content.size() - done, static_cast<off_t>(done)));
    }
    temporary_file(temporary_file const&) = delete;
    temporary_file& operator=(temporary_file const&) = delete;
    ~temporary_file() { ::close(fd_); }
    [[nodiscard]] int fd() const { return fd_; }
    [[nodiscard]] std::string content() const {
        struct stat file {};
        ::fstat(fd_, &file);
        std::string text(static_cast<std::size_t>(file.st_size), '\0');
        text.resize(
            static_cast<std::size_t>(std::max<ssize_t>(::pread(fd_, text.data(), text.size(), 0), 0)));
        return text;
    }

private:
    int fd_;
};

// Sends the process's stderr to a file.
class captured_stderr {
public:
    captured_stderr() : old_(::dup(STDERR_FILENO)) { ::dup2(file_.fd(), STDERR_FILENO); }
    captured_stderr(captured_stderr const&) = delete;
    captured_stderr& operator=(captured_stderr const&) = delete;
    ~captured_stderr() { stop(); }
    [[nodiscard]] std::string content() const { return file_.content(); }
    std::string stop() {
        if (old_ >= 0) {
            ::dup2(old_, STDERR_FILENO);
            ::close(old_);
        }
        old_ = -1;
        return file_.content();
    }

private:
    temporary_file file_{""};
    int old_;
};

// Leaves the process without free descriptors: no number at or above `limit` is given.
class descriptor_limit {
public:
    explicit descriptor_limit(rlim_t limit) {
        ::getrlimit(RLIMIT_NOFILE, &old_);
        rlimit const low{limit, old_.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &low);
    }
    descriptor_limit(descriptor_limit const&) = delete;
    descriptor_limit& operator=(descriptor_limit const&) = delete;
    ~descriptor_limit() { ::setrlimit(RLIMIT_NOFILE, &old_); }

private:
    rlimit old_{};
};

inline rlim_t lowest_free_descriptor() {
    int const fd = ::dup(STDERR_FILENO);
    ::close(fd);
    return static_cast<rlim_t>(fd);
}

} // namespace tests
