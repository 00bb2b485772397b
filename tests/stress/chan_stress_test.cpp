// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// chan_stress_test.cpp: many fibers and threads use one channel. Each value that was sent successfully is
// received once, and no other value is.
#include "tests/support/catch.hpp"
#include "tests/support/chaos.hpp"
#include "tests/support/tally.hpp"

#include <fiber/chan.hpp>
#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

using fiber::chan;
using fiber::op_status;
using tests::join_all;
using tests::scale;
using tests::tally;
using namespace std::chrono_literals;

namespace {

struct message {
    std::uint32_t sender = 0;
    std::uint32_t number = 0;
    [[nodiscard]] std::uint64_t value() const { return (std::uint64_t{sender} << 32) + number; }
};

// Checks for one receiver that it sees each sender's values in order.
template <std::size_t Senders>
class order {
public:
    bool see(message m) {
        auto& last = last_[m.sender];
        bool const ok = m.number > last;
        last = m.number;
        return ok;
    }

private:
    std::array<std::uint32_t, Senders> last_{};
};

// Computes for a random time below `us` microseconds, so that partners and deadlines meet in all orders.
void burn(tests::chaos& chaos, std::uint64_t us) {
    auto const until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(chaos.below(us * 1000));
    while (std::chrono::steady_clock::now() < until) {
    }
}

std::chrono::nanoseconds up_to(tests::chaos& chaos, std::uint64_t us) {
    return std::chrono::nanoseconds(chaos.below(us * 1000));
}

} // namespace

TEST_CASE("many senders and receivers lose nothing and keep each sender's order", "[stress][chan]") {
    constexpr std::uint32_t senders = 50, receivers = 50, each = 200 * scale;
    for (int capacity : {0, 1, 128}) {
        fiber::runtime rt;
        chan<message> const ch(capacity);
        tally sent, received;
        std::atomic<int> out_of_order{0};
        std::vector<fiber::handle> producers, consumers;
        for (std::uint32_t s = 0; s < senders; ++s)
            producers.push_back(rt.go([&, ch, s] {
                for (std::uint32_t i = 1; i <= each; ++i) {
                    message const m{s, i};
                    ch.send(m);
                    sent.add(m.value());
                }
            }));
        for (std::uint32_t r = 0; r < receivers; ++r)
            consumers.push_back(rt.go([&, ch] {
                order<senders> seen;
                for (message const m : ch) {
                    out_of_order += seen.see(m) ? 0 : 1;
                    received.add(m.value());
                }
            }));
        join_all(producers);
        ch.close();
        join_all(consumers);
        INFO("capacity " << capacity);
        CHECK(sent.count == std::uint64_t{senders} * each);
        CHECK(sent == received);
        CHECK(out_of_order == 0);
    }
}

TEST_CASE("all kinds of operations, from fibers and OS threads, agree on the values sent", "[stress][chan]") {
    constexpr std::uint32_t tasks = 24, each = 100 * scale;
    for (int capacity : {0, 1, 8}) {
        fiber::runtime rt;
        chan<message> const ch(capacity);
        tally sent, received;
        std::atomic<std::uint64_t> seeds{1};
        auto const produce = [&, ch](std::uint32_t s) {
            tests::chaos chaos(seeds++);
            for (std::uint32_t i = 1; i <= each; ++i) {
                message m{s, i};
                op_status status = op_status::success;
                switch (chaos.below(4)) {
                case 0:
                    ch.send(m);
                    break;
                case 1:
                    status = ch.try_send(m);
                    break;
                case 2:
                    status = ch.send_for(std::move(m), up_to(chaos, 50));
                    break;
                default:
                    status = ch.send_for(std::move(m), 1h);
                }
                if (status == op_status::success)
                    sent.add(m.value());
            }
        };
        auto const consume = [&, ch] {
            tests::chaos chaos(seeds++);
            for (;;) {
                message m;
                op_status status = op_status::success;
                switch (chaos.below(4)) {
                case 0:
                    if (auto const v = ch.recv())
                        m = *v;
                    else
                        return;
                    break;
                case 1:
                    status = ch.try_recv(m);
                    break;
                case 2:
                    status = ch.recv_for(m, up_to(chaos, 50));
                    break;
                default:
                    status = ch.recv_for(m, 1h);
                }
                if (status == op_status::success)
                    received.add(m.value());
                else if (status == op_status::closed)
                    return;
            }
        };
        std::vector<fiber::handle> producers, consumers;
        for (std::uint32_t p = 0; p < tasks; ++p) {
            producers.push_back(rt.go(produce, p));
            consumers.push_back(rt.go(consume));
        }
        {
            std::jthread const c1(consume), c2(consume);
            {
                std::jthread const p1(produce, tasks), p2(produce, tasks + 1);
                join_all(producers);
            }
            ch.close();
            join_all(consumers);
        }
        INFO("capacity " << capacity);
        CHECK(sent == received);
    }
}

TEST_CASE("senders and receivers agree on the values sent during a close", "[stress][chan]") {
    constexpr std::uint32_t rounds = 20 * scale;
    constexpr std::uint32_t tasks = 6;
    fiber::runtime rt;
    tests::chaos chaos;
    for (std::uint32_t round = 0; round < rounds; ++round) {
        chan<message> const ch(round % 3);
        tally sent, received;
        std::atomic<int> wrong{0};
        auto const produce = [&, ch](std::uint32_t s) {
            for (std::uint32_t i = 1;; ++i) {
                message m{s, i};
                if (s % 2 == 0) {
                    try {
                        ch.send(m);
                    } catch (fiber::closed_channel const&) {
                        return;
                    }
                } else {
                    auto const status = ch.send_for(std::move(m), 1h);
                    if (status == op_status::closed)
                        return;
                    wrong += status == op_status::success ? 0 : 1;
                }
                sent.add(m.value());
            }
        };
        auto const consume = [&, ch](std::uint32_t r) {
            if (r % 2 == 0) {
                for (message const m : ch)
                    received.add(m.value());
            } else {
                message m;
                while (ch.recv_for(m, 1h) == op_status::success)
                    received.add(m.value());
            }
        };
        std::vector<fiber::handle> all;
        for (std::uint32_t p = 0; p < tasks; ++p) {
            all.push_back(rt.go(produce, p));
            all.push_back(rt.go(consume, p));
        }
        auto const close = [&, ch] {
            for (auto const enough = chaos.below(300); received.count < enough;)
                fiber::this_fiber::yield();
            ch.close();
        };
        if (round % 2 == 0)
            rt.run(close);
        else
            close();
        join_all(all);
        REQUIRE(sent == received);
        REQUIRE(wrong == 0);
    }
}

TEST_CASE("both sides agree on the result when a time-out meets a partner", "[stress][chan]") {
    constexpr std::size_t pairs = 10;
    constexpr std::uint64_t each = 50 * scale;
    fiber::runtime rt;
    for (int capacity : {0, 1}) {
        std::vector<fiber::handle> all;
        std::array<tally, pairs> sent, received;
        for (std::size_t p = 0; p < pairs; ++p) {
            chan<std::uint64_t> const ch(capacity);
            all.push_back(rt.go([&, ch, p] {
                tests::chaos chaos(2 * p);
                for (std::uint64_t i = 1; i <= each; ++i) {
                    burn(chaos, 10);
                    auto value = i;
                    if (ch.send_for(std::move(value), up_to(chaos, 20)) == op_status::success)
                        sent[p].add(i);
                }
                ch.close();
            }));
            all.push_back(rt.go([&, ch, p] {
                tests::chaos chaos(2 * p + 1);
                for (std::uint64_t value = 0;;) {
                    burn(chaos, 10);
                    auto const status = ch.recv_for(value, up_to(chaos, 20));
                    if (status == op_status::closed)
                        return;
                    if (status == op_status::success)
                        received[p].add(value);
                }
            }));
        }
        join_all(all);
        for (std::size_t p = 0; p < pairs; ++p)
            CHECK(sent[p] == received[p]);
    }
}

TEST_CASE("many polling fibers receive all values, and see the close", "[stress][chan]") {
    constexpr int pollers = 40, values = 500 * scale;
    fiber::runtime rt;
    for (int capacity : {0, 4}) {
        chan<int> const ch(capacity);
        tally received;
        std::vector<fiber::handle> all;
        for (int p = 0; p < pollers; ++p)
            all.push_back(rt.go([&, ch] {
                int value = 0;
                for (;;) {
                    auto const status = ch.try_recv(value);
                    if (status == op_status::closed)
                        return;
                    if (status == op_status::success)
                        received.add(static_cast<std::uint64_t>(value));
                    else
                        fiber::this_fiber::yield();
                }
            }));
        for (int i = 1; i <= values; ++i)
            ch.send(i);
        ch.close();
        join_all(all);
        CHECK(received.count == values);
        CHECK(received.sum == std::uint64_t{values} * (values + 1) / 2);
    }
}

TEST_CASE("copies of a channel are counted while the channel is in use", "[stress][chan]") {
    constexpr int channels = 300 * scale;
    fiber::runtime rt;
    std::atomic<int> sum{0};
    std::vector<fiber::handle> all;
    for (int i = 0; i < channels; ++i) {
        chan<int> ch(i % 2);
        all.push_back(rt.go([&sum, ch] {
            auto const copy = ch;
            sum += copy.recv().value();
        }));
        all.push_back(rt.go([ch = std::move(ch)] { fiber::sender<int>(ch).send(1); }));
        if (all.size() >= 150) {
            join_all(all);
            all.clear();
        }
    }
    join_all(all);
    CHECK(sum == channels);
}
