// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// deadline_test: deadlines of streams, set before an operation and while it waits.

#include "tests/support/catch.hpp"
#include "tests/support/chaos.hpp"
#include "tests/support/code_of.hpp"
#include "tests/support/concurrent_run.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/sockets.hpp"

#include <fiber/go.hpp>

#include <atomic>
#include <thread>
#include <vector>

using fiber::net::tcp_stream;
using std::errc;
using tests::bytes, tests::room;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

namespace {

std::error_code read_byte(tcp_stream& s) {
    std::array<char, 1> buffer{};
    std::error_code error;
    s.read_some(room(buffer), error);
    return error;
}

} // namespace

TEST_CASE("a read ends at its deadline", "[net_deadline]") {
    tests::for_each_kind_of_stream([](auto make) {
        auto pair = make();
        auto const deadline = tests::in(10ms);
        pair.here.set_read_deadline(deadline);
        CHECK(read_byte(pair.here) == errc::timed_out);
        CHECK(clock_type::now() >= deadline);
        CHECK(tests::code_of([&] { pair.here.write_all(bytes("x")); }) == std::error_code());
    });
}

TEST_CASE("a deadline that has passed ends an operation although the stream is ready", "[net_deadline]") {
    tests::for_each_kind_of_stream([](auto make) {
        auto pair = make();
        pair.there.write_all(bytes("data"));
        CHECK(pair.here.wait_readable());
        std::array<char, 4> buffer{};
        std::array const vectors{iovec{buffer.data(), buffer.size()}};
        for (auto const when : {tests::in(-1ms), clock_type::time_point(), clock_type::time_point::min()}) {
            pair.here.set_deadline(when);
            std::error_code error;
            auto const late = [&] { return std::exchange(error, {}) == errc::timed_out; };
            CHECK(pair.here.read_some(room(buffer), error) == 0);
            CHECK(late());
            pair.here.read_some({}, error);
            CHECK(late());
            pair.here.readv_some(vectors, error);
            CHECK(late());
            CHECK(pair.here.read_exact(room(buffer), error) == 0);
            CHECK(late());
            CHECK(pair.here.write_all(bytes("x"), error) == 0);
            CHECK(late());
            CHECK(pair.here.writev_all(vectors, error) == 0);
            CHECK(late());
            CHECK(pair.here.send_file(0, 0, 1, error) == 0);
            CHECK(late());
            CHECK(!pair.here.wait_readable());
        }
        pair.here.set_deadline(tests::no_deadline);
        CHECK(tests::read_text(pair.here, 4) == "data");
    });
}

TEST_CASE("a write ends at its deadline, and says what it has sent", "[net_deadline]") {
    tests::for_each_kind_of_stream([](auto make) {
        auto pair = make();
        std::string const text(20'000'000, 'x');
        pair.here.set_write_deadline(tests::in(20ms));
        std::error_code error;
        auto const n = pair.here.write_all(bytes(text), error);
        CHECK(error == errc::timed_out);
        CHECK(n < text.size());
        pair.here.shutdown_write();
        CHECK(tests::read_text(pair.there, text.size()).size() == n);
        CHECK(read_byte(pair.there) == std::error_code());
    });
}

TEST_CASE("a deadline that is set while a read waits ends it", "[net_deadline]") {
    tests::for_each_kind_of_stream([](auto make) {
        struct change {
            clock_type::duration first, second;
        };
        constexpr clock_type::duration forever = clock_type::duration::max();
        auto const point = [forever](clock_type::duration d) {
            return d == forever ? tests::no_deadline : clock_type::now() + d;
        };
        for (change const c :
             {change{forever, 5ms}, change{forever, -1ms}, change{1h, 5ms}, change{1h, -1h}}) {
            auto pair = make();
            pair.here.set_read_deadline(point(c.first));
            std::atomic<bool> reading{false};
            tests::expect expect;
            auto reader = fiber::go([&] {
                reading = true;
                expect(read_byte(pair.here) == errc::timed_out, "timed out");
            });
            tests::until([&] { return reading.load(); });
            fiber::this_fiber::sleep_for(1ms);
            pair.here.set_read_deadline(point(c.second));
            reader.join();
        }
    });
}

TEST_CASE("a deadline that is moved or removed while a read waits does not end it", "[net_deadline]") {
    tests::for_each_kind_of_stream([](auto make) {
        for (bool const removed : {true, false}) {
            auto pair = make();
            auto const first = tests::in(15ms);
            pair.here.set_read_deadline(first);
            tests::expect expect;
            auto reader = fiber::go([&] {
                auto const error = read_byte(pair.here);
                // A loaded machine may set the new deadline too late.
                expect(!error || clock_type::now() >= first, "data");
            });
            pair.here.set_read_deadline(removed ? tests::no_deadline : tests::in(1h));
            std::this_thread::sleep_until(first + 10ms);
            pair.there.write_all(bytes("x"));
            reader.join();
        }
    });
}

TEST_CASE("agents that wait for their turn obey the deadline", "[net_deadline]") {
    tests::for_each_mix([](tests::mix const& mix) {
        for (bool const in_past : {true, false}) {
            auto pair = tests::tcp_pair();
            std::string const text(20'000'000, 'x'); // more than the system buffers
            tests::expect expect;
            std::atomic<int> started{0};
            std::thread setter([&] {
                while (started < mix.size())
                    std::this_thread::yield();
                std::this_thread::sleep_for(2ms);
                pair.here.set_deadline(tests::in(in_past ? -1ms : 5ms));
            });
            tests::run_concurrently(mix, [&](int i) {
                ++started;
                std::error_code error;
                if (i % 2 == 0)
                    pair.here.write_all(bytes(text), error);
                else
                    error = read_byte(pair.here);
                expect(error == errc::timed_out, "timed out");
            });
            setter.join();
        }
    });
}

TEST_CASE("waiting agents keep their turn when the deadline moves", "[net_deadline]") {
    auto pair = tests::tcp_pair();
    std::atomic<int> served{0};
    std::vector<fiber::handle> readers;
    tests::expect expect;
    for (int i = 0; i < 20; ++i)
        readers.push_back(fiber::go([&] {
            expect(!read_byte(pair.here), "a byte each");
            ++served;
        }));
    for (int i = 0; i < 20; ++i) {
        pair.here.set_read_deadline(tests::in(std::chrono::hours(1 + i)));
        pair.there.write_all(bytes("x"));
        if (i % 3 == 0)
            tests::until([&] { return served > i; });
    }
    for (auto& r : readers)
        r.join();
}

TEST_CASE("deadlines that change all the time neither lose data nor a wake-up", "[net_deadline]") {
    for (auto* const make : {tests::tcp_pair, tests::unix_pair}) {
        auto pair = make();
        constexpr int bytes_to_read = 2000;
        std::atomic<bool> done{false};
        tests::expect expect;
        std::vector<fiber::handle> fibers;
        for (std::uint64_t i = 0; i < 2; ++i)
            fibers.push_back(fiber::go([&, i] {
                for (tests::chaos chaos(i); !done; chaos()) {
                    auto const dice = chaos.below(4);
                    pair.here.set_read_deadline(
                        dice == 0   ? tests::no_deadline
                        : dice == 1 ? tests::in(-1ms)
                                    : clock_type::now() + std::chrono::microseconds(chaos.below(300)));
                }
            }));
        fibers.push_back(fiber::go([&] {
            tests::chaos chaos(7);
            for (int i = 0; i < bytes_to_read; ++i, chaos())
                pair.there.write_all(bytes("x"));
        }));
        for (int read = 0; read < bytes_to_read;) {
            auto const error = read_byte(pair.here);
            read += !error;
            if (error && !expect(error == errc::timed_out, "timed out"))
                break;
        }
        done = true;
        for (auto& f : fibers)
            f.join();
        pair.here.set_read_deadline(tests::in(-1ms));
        CHECK(read_byte(pair.here) == errc::timed_out);
        pair.here.set_read_deadline(tests::no_deadline);
        pair.there.close();
        CHECK(read_byte(pair.here) == std::error_code()); // the end
    }
}
