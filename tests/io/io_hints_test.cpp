// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// io_hints_test.cpp: short counts after which no event follows. A call that took them for "drained" would
// hang, or wait for a check of the netpoller.

#include "tests/support/descriptors.hpp"

#include <fiber/io.hpp>

#include <array>
#include <cstring>
#include <string_view>
#include <vector>

namespace io = fiber::io;

namespace {

constexpr int rounds = 1000;

void give(tests::expect& expect, int fd, std::string_view text, int flags = 0) {
    expect(::send(fd, text.data(), text.size(), flags) == static_cast<ssize_t>(text.size()), "send");
}

// Has a reader make short reads until fiber::io knows that the socket is TCP, and park.
void warm_up(tests::expect& expect, int in, int out) {
    auto reader = fiber::go([&] {
        std::array<char, 100> buffer;
        for (int i = 0; i < 12; ++i)
            expect(io::read(in, buffer.data(), buffer.size()) == 1, "warm-up");
    });
    auto writer = fiber::go([&] {
        for (int i = 0; i < 12; ++i) {
            give(expect, out, "w");
            int pending = 1;
            while (::recv(in, &pending, 1, MSG_PEEK | MSG_DONTWAIT) == 1) // one at a time
                fiber::this_fiber::yield();
        }
    });
    reader.join();
    writer.join();
}

} // namespace

TEST_CASE("a short read with the end of the stream behind it does not hang the next read", "[io]") {
    tests::expect expect;
    for (int i = 0; i < rounds; ++i) {
        auto p = i % 2 == 0 ? tests::tcp_sockets() : tests::unix_sockets();
        fiber::run([&] {
            if (i % 20 == 0)
                warm_up(expect, p.in.get(), p.out.get());
            auto reader = fiber::go([&] {
                std::array<char, 100> buffer;
                expect(io::read(p.in.get(), buffer.data(), buffer.size()) == 3, "data");
                expect(io::read(p.in.get(), buffer.data(), buffer.size()) == 0, "the end");
            });
            if (i % 3 == 0)
                fiber::this_fiber::yield();
            give(expect, p.out.get(), "bye");
            p.out.close();
            reader.join();
        });
    }
}

TEST_CASE("a short read at a boundary of passed descriptors does not hang the next read", "[io]") {
    tests::expect expect;
    auto const p = tests::unix_sockets();
    fiber::run([&] {
        for (int i = 0; i < rounds; ++i) {
            auto reader = fiber::go([&] {
                std::array<char, 100> buffer;
                std::size_t done = 0;
                while (done < 6) {
                    ssize_t const n = io::read(p.in.get(), buffer.data(), buffer.size());
                    if (!expect(n > 0, "data"))
                        return;
                    done += static_cast<std::size_t>(n);
                }
            });
            give(expect, p.out.get(), "aaa");
            alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
            char text[] = "bbb";
            iovec part{text, 3};
            msghdr message{};
            message.msg_iov = &part;
            message.msg_iovlen = 1;
            message.msg_control = control.data();
            message.msg_controllen = control.size();
            cmsghdr* const head = CMSG_FIRSTHDR(&message);
            head->cmsg_level = SOL_SOCKET;
            head->cmsg_type = SCM_RIGHTS;
            head->cmsg_len = CMSG_LEN(sizeof(int));
            int const passed = p.in.get();
            std::memcpy(CMSG_DATA(head), &passed, sizeof passed);
            expect(io::sendmsg(p.out.get(), &message, 0) == 3, "sendmsg");
            reader.join();
        }
    });
}

TEST_CASE("a short read of a packet does not hang the next read", "[io]") {
    tests::expect expect;
    auto const p = tests::pipe_pair(O_DIRECT);
    fiber::run([&] {
        for (int i = 0; i < rounds; ++i) {
            auto reader = fiber::go([&] {
                std::array<char, 100> buffer;
                expect(io::read(p.in.get(), buffer.data(), buffer.size()) == 3, "the first packet");
                expect(io::read(p.in.get(), buffer.data(), buffer.size()) == 2, "the second packet");
            });
            if (i % 2 == 0)
                fiber::this_fiber::yield();
            expect(io::write(p.out.get(), "aaa", 3) == 3, "write");
            expect(io::write(p.out.get(), "bb", 2) == 2, "write");
            reader.join();
        }
    });
}

TEST_CASE("a short read at the mark of urgent data does not hang the next read", "[io]") {
    tests::expect expect;
    auto const p = tests::tcp_sockets();
    fiber::run([&] {
        warm_up(expect, p.in.get(), p.out.get());
        for (int i = 0; i < rounds; ++i) {
            auto reader = fiber::go([&] {
                std::array<char, 100> buffer;
                std::size_t done = 0;
                while (done < 6) {
                    ssize_t const n = io::read(p.in.get(), buffer.data(), buffer.size());
                    if (!expect(n > 0, "data"))
                        return;
                    done += static_cast<std::size_t>(n);
                }
                expect(done == 6, "without the urgent byte");
            });
            if (i % 2 == 0)
                fiber::this_fiber::yield();
            give(expect, p.out.get(), "aaa");
            give(expect, p.out.get(), "!", MSG_OOB);
            give(expect, p.out.get(), "bbb");
            reader.join();
        }
    });
}

TEST_CASE("urgent data in line do not hang a reader that has learned to trust short counts", "[io]") {
    tests::expect expect;
    auto const p = tests::tcp_sockets();
    fiber::run([&] {
        warm_up(expect, p.in.get(), p.out.get());
        int const on = 1;
        expect(::setsockopt(p.in.get(), SOL_SOCKET, SO_OOBINLINE, &on, sizeof on) == 0, "setsockopt");
        for (int i = 0; i < 100; ++i) {
            auto reader = fiber::go([&] {
                std::array<char, 100> buffer;
                std::size_t done = 0;
                while (done < 7) {
                    ssize_t const n = io::read(p.in.get(), buffer.data(), buffer.size());
                    if (!expect(n > 0, "data"))
                        return;
                    done += static_cast<std::size_t>(n);
                }
            });
            give(expect, p.out.get(), "aaa");
            give(expect, p.out.get(), "!", MSG_OOB);
            give(expect, p.out.get(), "bbb");
            reader.join();
        }
    });
}

TEST_CASE("fibers exchange messages over sockets that nobody has told the library about", "[io]") {
    constexpr int pairs = 20;
    constexpr int exchanges = 500;
    tests::expect expect;
    std::vector<tests::descriptor_pair> sockets;
    for (int i = 0; i < pairs; ++i)
        sockets.push_back(tests::tcp_sockets());
    std::vector<fiber::handle> all;
    for (auto& s : sockets) {
        all.push_back(fiber::go([&] {
            std::array<char, 100> buffer{};
            for (int i = 0; i < exchanges; ++i)
                if (!expect(io::write(s.out.get(), "question", 8) == 8, "write") ||
                    !expect(io::read(s.out.get(), buffer.data(), buffer.size()) == 6, "answer"))
                    return;
        }));
        all.push_back(fiber::go([&] {
            std::array<char, 100> buffer{};
            for (int i = 0; i < exchanges; ++i)
                if (!expect(io::read(s.in.get(), buffer.data(), buffer.size()) == 8, "question") ||
                    !expect(io::write(s.in.get(), "answer", 6) == 6, "write"))
                    return;
        }));
    }
    for (auto& h : all)
        h.join();
}
