// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// chan_bias_stress_test.cpp: tests the bias of a channel's lock. The owner locks without atomic
// exchanges until another thread comes.
#include "tests/support/catch.hpp"
#include "tests/support/chaos.hpp"
#include "tests/support/tally.hpp"

#include <fiber/chan.hpp>
#include <fiber/go.hpp>
#include <fiber/runtime.hpp>
#include <fiber/select.hpp>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

using fiber::chan;
using fiber::op_status;
using tests::scale;

namespace {

// Waits a random time, so that the fibers' thread uses the channel alone for some hundred
// operations, or none.
void let_it_be(tests::chaos& chaos) {
    if (chaos.below(3) == 0)
        std::this_thread::yield();
    for (auto n = chaos.below(3000); n > 0; --n)
        asm volatile("");
}

} // namespace

TEST_CASE("channels of one processor stay in order while other threads use them", "[stress][chan]") {
    for (int capacity : {0, 1, 64}) {
        for (int round = 0; round < 20 * scale;
             ++round) { // each round has a new channel: revocations make a bias rarer
            fiber::runtime rt({.processors = 1});
            chan<std::uint64_t> const ch(capacity);
            std::atomic<std::uint64_t> sent{0}, received{0};
            constexpr std::uint64_t each = 3000;
            std::vector<fiber::handle> all;
            for (std::uint64_t p = 0; p < 2; ++p) {
                all.push_back(rt.go([&, p] {
                    for (std::uint64_t i = 0; i < each; ++i) {
                        ch.send(p * each + i);
                        sent += p * each + i;
                    }
                }));
                all.push_back(rt.go([&] {
                    for (std::uint64_t i = 0; i < each; ++i)
                        received += ch.recv().value();
                }));
            }
            std::atomic<bool> over{false};
            auto const visit = [&](std::uint64_t me) {
                tests::chaos chaos(me + static_cast<std::uint64_t>(round) * 2);
                while (!over) {
                    std::uint64_t v = 0;
                    if (fiber::select_result(
                            fiber::on_recv(ch, [&](auto got) { return v = got.value(), true; }),
                            fiber::otherwise([] { return false; }))) {
                        received += v;
                        ch.send(v); // a receiver waits for it
                        received -= v;
                    }
                    let_it_be(chaos);
                }
            };
            {
                std::jthread a(visit, 1), b(visit, 2);
                for (auto& h : all)
                    h.join();
                over = true;
            }
            REQUIRE(sent == received);
            REQUIRE(ch.size() == 0);
        }
    }
}

TEST_CASE("channels of several processors stay in order while their owners change", "[stress][chan]") {
    constexpr int each = 6000; // more locks than a thread needs to become the owner
    fiber::run([] {
        for (int capacity : {0, 64}) {
            for (int round = 0; round < 4 * scale; ++round) {
                chan<int> const ch(capacity);
                long received = 0; // only the channel and the joins order the accesses
                for (int pair = 0; pair < 3; ++pair) {
                    fiber::handle consumer = fiber::go([&] {
                        for (int i = 0; i < each; ++i)
                            received += ch.recv().value();
                    });
                    fiber::handle producer = fiber::go([&] {
                        for (int i = 0; i < each; ++i)
                            ch.send(1);
                    });
                    std::jthread const visitor([&] { // revokes the bias at any time
                        tests::chaos chaos(static_cast<std::uint64_t>(round));
                        for (int i = 0; i < 20; ++i) {
                            if (int got = 0; ch.try_recv(got) == op_status::success)
                                ch.send(got); // the consumer waits for it
                            let_it_be(chaos);
                        }
                    });
                    producer.join();
                    consumer.join();
                }
                REQUIRE(received == 3L * each);
                REQUIRE(ch.size() == 0);
            }
        }
    });
}
