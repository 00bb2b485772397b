// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// mixed_calls.hpp: a program that makes random calls of the C library on all kinds of descriptors, right ones
// and wrong ones, and notes their results.
#pragma once

#include "tests/hook/call_notes.hpp"
#include "tests/hook/mixed_files.hpp"

#include <array>
#include <netdb.h>
#include <optional>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>

namespace tests {

// A program of random calls. It depends on nothing but the number.
class mixed_calls : public call_notes {
public:
    explicit mixed_calls(std::uint64_t number) : call_notes(number) {
        must(::listen(listener_.get(), 8) == 0);
    }

    void step() {
        auto& f = files_[random_.below(files_.size())];
        switch (random_.below(8)) {
        case 0:
        case 1:
        case 2:
            read(f);
            break;
        case 3:
        case 4:
            write(f);
            break;
        case 5:
            wait(f);
            break;
        case 6:
            change(f);
            break;
        default:
            call_other(f);
            break;
        }
    }

private:
    void read(mixed_file& f) {
        std::array<char, room> bytes{};
        std::size_t n = some_size();
        if (n == 0 && f.is("tcp") && f.has_timeout)
            n = 1; // a recv() of no bytes that times out has no error
        int const fd = rarely() ? -1 : f.in.get();
        char* const to =
            rarely() && !f.is("tty") ? nullptr : bytes.data(); // a terminal loses what it cannot give
        int const flags = random_.below(4) == 0 ? MSG_PEEK : random_.below(4) == 0 ? MSG_DONTWAIT : 0;
        std::array<iovec, 2> parts{{{to, n / 2}, {to != nullptr ? to + n / 2 : nullptr, n - n / 2}}};
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = parts.size();
        mmsghdr one{message, 0};
        off_t const at = static_cast<off_t>(random_.below(10)) - 1;
        auto const call = random_.below(9);
        bool const has_flags = call == 2 || call == 4 || call == 5;

        note_arguments(f, fd, to, n, has_flags ? flags : 0);
        std::optional<helper> writer;
        bool const wakes = fd >= 0 && f.may_wait() && (!has_flags || (flags & MSG_DONTWAIT) == 0);
        auto const sent = some_bytes(f);
        if (wakes)
            writer.emplace([&] { must(::write(f.out.get(), sent.data(), 8) == 8); });
        ssize_t got = 0;
        bool const takes = (!has_flags || (flags & MSG_PEEK) == 0) && call != 6 && call != 7;
        switch (call) {
        case 0:
            got = note("read", f, [&] { return ::read(fd, to, n); });
            break;
        case 1:
            got = note("readv", f, [&] { return ::readv(fd, parts.data(), 2); });
            break;
        case 2:
            got = note("recv", f, [&] { return ::recv(fd, to, n, flags); });
            break;
        case 3:
            got = note("recvfrom", f, [&] { return ::recvfrom(fd, to, n, 0, nullptr, nullptr); });
            break;
        case 4:
            got = note("recvmsg", f, [&] { return ::recvmsg(fd, &message, flags); });
            break;
        case 5:
            got = note("recvmmsg", f, [&] { return ::recvmmsg(fd, &one, 1, flags, nullptr); });
            got = got == 1 ? static_cast<ssize_t>(one.msg_len) : got;
            break;
        case 6:
            got = note("pread", f, [&] { return ::pread(fd, to, n, at); });
            break;
        case 7:
            got = note("preadv", f, [&] { return ::preadv(fd, parts.data(), 2, at); });
            break;
        default:
            got = note("splice", f, [&] { return ::splice(fd, nullptr, scratch_.out.get(), nullptr, n, 0); });
            if (got > 0)
                must(::read(scratch_.in.get(), bytes.data(), bytes.size()) == got);
        }
        writer.reset();
        if (got > 0)
            note_bytes(bytes.data(), static_cast<std::size_t>(got));
        f.queued += (wakes ? 8 : 0) - (takes && got > 0 ? static_cast<std::size_t>(got) : 0);
        f.settle();
    }

    void write(mixed_file& f) {
        constexpr int many = 2000;
        int queued = 0;
        if (f.out.get() >= 0 && ((events_now(f.out.get(), POLLOUT) & POLLOUT) == 0 ||
                                 (::ioctl(f.in.get(), FIONREAD, &queued) == 0 && queued > many)))
            return;
        auto bytes = some_bytes(f);
        std::size_t const n = some_size();
        int const fd = rarely() ? -1 : f.out.get();
        char* const from = rarely() ? nullptr : bytes.data();
        std::array<iovec, 2> parts{{{from, n / 2}, {from != nullptr ? from + n / 2 : nullptr, n - n / 2}}};
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = parts.size();
        mmsghdr one{message, 0};
        off_t at = static_cast<off_t>(random_.below(10)) - 1;
        note_arguments(f, fd, from, n, 0);
        ssize_t put = 0;
        switch (random_.below(9)) {
        case 0:
            put = note("write", f, [&] { return ::write(fd, from, n); });
            break;
        case 1:
            put = note("writev", f, [&] { return ::writev(fd, parts.data(), 2); });
            break;
        case 2:
            put = note("send", f, [&] { return ::send(fd, from, n, 0); });
            break;
        case 3:
            put = note("sendto", f, [&] { return ::sendto(fd, from, n, 0, nullptr, 0); });
            break;
        case 4:
            put = note("sendmsg", f, [&] { return ::sendmsg(fd, &message, 0); });
            break;
        case 5:
            put = note("sendmmsg", f, [&] { return ::sendmmsg(fd, &one, 1, 0); });
            put = put == 1 ? static_cast<ssize_t>(one.msg_len) : put;
            break;
        case 6:
            put = note("pwrite", f, [&] { return ::pwrite(fd, from, n, at); });
            break;
        case 7:
            put = note("pwritev", f, [&] { return ::pwritev(fd, parts.data(), 2, at); });
            break;
        default:
            put = note("sendfile", f, [&] { return ::sendfile(fd, digits_.fd(), &at, n); });
            break;
        }
        f.queued += put > 0 ? static_cast<std::size_t>(put) : 0;
        f.settle();
    }

    void wait(mixed_file& f) {
        int const fd = rarely() ? -1 : f.in.get();
        int const timeout = events_now(f.in.get(), POLLIN) != 0 ? -1 : static_cast<int>(random_.below(2));
        timespec const spec{0, timeout * 1'000'000};
        timespec const* const length = timeout < 0 ? nullptr : &spec;
        std::array<pollfd, 2> both{{{fd, POLLIN, 0}, {f.out.get(), POLLOUT, 0}}};
        if (fd < 0 && timeout < 0)
            both[1].fd = f.in.get(), both[1].events = POLLIN;
        fd_set set;
        FD_ZERO(&set);
        FD_SET(f.in.get(), &set);
        timeval value{0, timeout * 1000};
        int const count = rarely() ? -1 : f.in.get() + 1;
        epoll_event event{};
        switch (random_.below(6)) {
        case 0:
            note("poll", f, [&] { return ::poll(both.data(), 2, timeout); });
            break;
        case 1:
            note("ppoll", f, [&] { return ::ppoll(both.data(), 2, length, nullptr); });
            break;
        case 2:
            note("select", f, [&] {
                return ::select(count, &set, nullptr, nullptr, length == nullptr ? nullptr : &value);
            });
            break;
        case 3:
            note("pselect", f, [&] { return ::pselect(count, &set, nullptr, nullptr, length, nullptr); });
            break;
        case 4:
            note("epoll_wait", f, [&] { return ::epoll_wait(fd, &event, rarely() ? 0 : 1, timeout); });
            break;
        default:
            note("epoll_pwait", f, [&] { return ::epoll_pwait(fd, &event, 1, timeout, nullptr); });
            break;
        }
        transcript_.append("events ").append(std::to_string(both[0].revents)).append(" ");
        transcript_.append(std::to_string(both[1].revents))
            .append(" ")
            .append(std::to_string(event.events))
            .append("\n");
    }

    void change(mixed_file& f) {
        switch (random_.below(4)) {
        case 0: {
            f.is_nonblocking = !f.is_nonblocking;
            int const flags = ::fcntl(f.in.get(), F_GETFL) & ~O_NONBLOCK;
            note("fcntl", f,
                 [&] { return ::fcntl(f.in.get(), F_SETFL, flags | (f.is_nonblocking ? O_NONBLOCK : 0)); });
            break;
        }
        case 1: {
            timeval const length{0, f.has_timeout ? 0 : 1000};
            auto const set = [&] {
                return ::setsockopt(f.in.get(), SOL_SOCKET, SO_RCVTIMEO, &length, sizeof length);
            };
            if (note("setsockopt", f, set) == 0)
                f.has_timeout = !f.has_timeout;
            break;
        }
        case 2:
            if (f.is("pipe") || f.is("stream") || f.is("seqpacket")) {
                f.out.close();
                char c = 0;
                note("read at the end", f, [&] { return ::read(f.in.get(), &c, 1); });
            }
            [[fallthrough]];
        default:
            f = make_file(f.kind);
            break;
        }
    }

    void call_other(mixed_file& f) {
        int const fd = rarely() ? -1 : f.in.get();
        timespec bad{0, -1};
        struct flock lock {};
        lock.l_type = F_RDLCK;
        addrinfo* found = nullptr;
        switch (random_.below(14)) {
        case 0:
            note("usleep", f, [&] { return ::usleep(50); });
            break;
        case 1:
            note("nanosleep", f, [&] { return ::nanosleep(&bad, nullptr); });
            break;
        case 2:
            note("clock_nanosleep", f, [&] { return ::clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, nullptr); });
            break;
        case 3:
            note("fsync", f, [&] { return ::fsync(fd); });
            break;
        case 4:
            note("fdatasync", f, [&] { return ::fdatasync(fd); });
            break;
        case 5:
            note("flock", f, [&] { return ::flock(fd, LOCK_SH); });
            break;
        case 6:
            note("lockf", f, [&] { return ::lockf(fd, F_TEST, 0); });
            break;
        case 7:
            note("F_SETLKW", f, [&] { return ::fcntl(fd, F_SETLKW, &lock); });
            break;
        case 8:
            note("waitpid", f, [&] { return ::waitpid(::getpid(), nullptr, 0); });
            break;
        case 9:
            note("close", f, [&] { return ::close(rarely() ? -1 : ::dup(fd)); });
            break;
        case 10:
            note("getaddrinfo", f,
                 [&] { return ::getaddrinfo("127.0.0.1", rarely() ? "no port" : "80", nullptr, &found); });
            if (found != nullptr)
                ::freeaddrinfo(found);
            break;
        case 11:
            note("accept", f, [&] { return ::accept(fd, nullptr, nullptr) < 0 ? -1 : 0; });
            break;
        case 12:
            note("connect", f, [&] { return ::connect(fd, at_.get(), at_.size); });
            break;
        default:
            make_connection(f);
            break;
        }
    }

    void make_connection(mixed_file const& f) {
        descriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        auto const connect = [&] { return ::connect(client.get(), at_.get(), at_.size); };
        auto const accept = [&] { return ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC); };
        std::optional<helper> other;
        descriptor server;
        if (random_.below(2) == 0) {
            note("connect", f, connect);
            server = descriptor(accept());
        } else {
            other.emplace([&] { must(connect() == 0); });
            note("accept4", f, [&] {
                server = descriptor(accept());
                return server.get() < 0 ? -1 : 0;
            });
            other.reset();
        }
        note("connect again", f, connect);
        char c = 'x';
        note("send", f, [&] { return ::send(client.get(), &c, 1, 0); });
        note("recv", f, [&] { return ::recv(server.get(), &c, 1, 0); });
    }

    std::vector<mixed_file> files_ = make_files();
    descriptor_pair scratch_ = pipe_pair();
    temporary_file digits_{"0123456789"};
    inet_address at_;
    descriptor listener_ = bound_socket(SOCK_STREAM, at_);
};

} // namespace tests
