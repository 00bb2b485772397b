// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// short_counts_test.cpp: streams arrive complete and in order, whatever part each call transfers. It also
// runs with system calls that transfer parts at random: support/faulty_system_calls.cpp.
#include "tests/support/catch.hpp"
#include "tests/support/chaos.hpp"
#include "tests/support/descriptors.hpp"
#include "tests/support/expect.hpp"

#include <fiber/go.hpp>
#include <fiber/io.hpp>
#include <fiber/net.hpp>
#include <fiber/runtime.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace io = fiber::io;
namespace net = fiber::net;

namespace {

constexpr std::size_t total = 2'000'000, max_piece = 5'000;

std::byte byte_at(std::size_t position) { return static_cast<std::byte>(position * 2'654'435'761u >> 13); }

std::vector<std::byte> piece_at(std::size_t position, std::size_t size) {
    std::vector<std::byte> piece(std::min(size, total - position));
    for (auto& each : piece)
        each = byte_at(position++);
    return piece;
}

bool is_piece_at(std::size_t position, std::span<std::byte const> piece) {
    return std::all_of(piece.begin(), piece.end(), [&](std::byte b) { return b == byte_at(position++); });
}

std::array<iovec, 2> two_buffers(std::span<std::byte> all) {
    auto const middle = all.size() / 2;
    return {iovec{all.data(), middle}, iovec{all.data() + middle, all.size() - middle}};
}

// Calls write(piece) for all pieces of a stream, while read(room) reads it. Both return what they have
// transferred. A write must transfer its piece.
template <class Write, class Read>
void transfer(tests::expect& expect, Write const& write, Read const& read) {
    auto writer = fiber::go([&] {
        tests::chaos chaos(1);
        for (std::size_t at = 0; at < total;) {
            auto piece = piece_at(at, 1 + chaos.below(max_piece));
            if (!expect(write(chaos, std::span(piece)) == piece.size(), "the whole piece"))
                break;
            at += piece.size();
            if (chaos.below(8) == 0)
                chaos();
        }
    });
    tests::chaos chaos(2);
    std::vector<std::byte> room(max_piece);
    for (std::size_t at = 0; at < total;) {
        auto const to = std::span(room).first(std::min(1 + chaos.below(max_piece), total - at));
        std::size_t const n = read(chaos, to);
        if (!expect(n > 0 && n <= to.size() && is_piece_at(at, to.first(n)), "the next piece"))
            break;
        at += n;
        if (chaos.below(8) == 0)
            chaos();
    }
    writer.join();
}

std::size_t count_of(ssize_t n) { return n < 0 ? 0 : static_cast<std::size_t>(n); }

} // namespace

TEST_CASE("fiber::io transfers a stream whole, in parts of any size", "[io][short_counts]") {
    tests::expect expect;
    fiber::run([&] {
        for (auto* const make : {+[] { return tests::tcp_sockets(); }, +[] { return tests::unix_sockets(); },
                                 +[] { return tests::pipe_pair(); }}) {
            auto const pair = make();
            int const in = pair.in.get(), out = pair.out.get();
            transfer(
                expect,
                [&](tests::chaos& chaos, std::span<std::byte> piece) {
                    if (chaos.below(2) == 0)
                        return count_of(io::write(out, piece.data(), piece.size()));
                    return count_of(io::writev(out, two_buffers(piece).data(), 2));
                },
                [&](tests::chaos& chaos, std::span<std::byte> to) {
                    if (chaos.below(2) == 0)
                        return count_of(io::read(in, to.data(), to.size()));
                    return count_of(io::readv(in, two_buffers(to).data(), 2));
                });
        }
    });
}

TEST_CASE("fiber::io transfers a stream by calls for sockets", "[io][short_counts]") {
    tests::expect expect;
    fiber::run([&] {
        for (auto* const make :
             {+[] { return tests::tcp_sockets(); }, +[] { return tests::unix_sockets(); }}) {
            auto const pair = make();
            int const in = pair.in.get(), out = pair.out.get();
            transfer(
                expect,
                [&](tests::chaos& chaos, std::span<std::byte> piece) {
                    if (chaos.below(2) == 0)
                        return count_of(io::send(out, piece.data(), piece.size(), 0));
                    auto buffers = two_buffers(piece);
                    msghdr message{};
                    message.msg_iov = buffers.data();
                    message.msg_iovlen = buffers.size();
                    return count_of(io::sendmsg(out, &message, 0));
                },
                [&](tests::chaos& chaos, std::span<std::byte> to) {
                    if (auto const which = chaos.below(3); which != 0)
                        return count_of(io::recv(in, to.data(), to.size(), which == 1 ? 0 : MSG_WAITALL));
                    auto buffers = two_buffers(to);
                    msghdr message{};
                    message.msg_iov = buffers.data();
                    message.msg_iovlen = buffers.size();
                    return count_of(io::recvmsg(in, &message, 0));
                });
        }
    });
}

TEST_CASE("fiber::net transfers a stream whole, in parts of any size", "[stream][short_counts]") {
    tests::expect expect;
    fiber::run([&] {
        for (auto* const make :
             {+[] { return tests::tcp_sockets(); }, +[] { return tests::unix_sockets(); }}) {
            auto const pair = make();
            net::tcp_stream in(::dup(pair.in.get())), out(::dup(pair.out.get()));
            transfer(
                expect,
                [&](tests::chaos& chaos, std::span<std::byte> piece) {
                    std::error_code error;
                    return chaos.below(2) == 0 ? out.write_all(piece, error)
                                               : out.writev_all(two_buffers(piece), error);
                },
                [&](tests::chaos& chaos, std::span<std::byte> to) {
                    std::error_code error;
                    switch (chaos.below(3)) {
                    case 0:
                        return in.read_some(to, error);
                    case 1:
                        return in.readv_some(two_buffers(to), error);
                    default:
                        return in.read_exact(to, error);
                    }
                });
        }
    });
}
