// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// dump_test.cpp: dumps as text and as JSON.

#include "tests/support/catch.hpp"
#include "tests/support/last_error.hpp"

#include "tests/inspect/found.hpp"

#include <fiber/fiber.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;
using tests::wait_until_parked;

namespace {

std::string dump_of(fiber::runtime const& r, fiber::dump_options options = {}) {
    char* text = nullptr;
    std::size_t size = 0;
    std::FILE* const stream = ::open_memstream(&text, &size);
    r.dump(stream, options);
    std::fclose(stream);
    std::string const all(text, size);
    std::free(text);
    return all;
}

std::size_t count(std::string_view text, std::string_view what) {
    std::size_t n = 0;
    for (auto at = text.find(what); at != text.npos; at = text.find(what, at + what.size()))
        ++n;
    return n;
}

// Waits on its own stack frame, which has a name for the dump.
[[gnu::noinline]] void park_in_a_named_function(fiber::chan<bool> gate) {
    static_cast<void>(gate.recv());
    asm volatile(""); // no tail call
}

std::vector<fiber::handle> park_many(fiber::runtime& r, fiber::chan<bool> const& gate, int n) {
    std::vector<fiber::handle> all;
    for (int i = 0; i < n; ++i)
        all.push_back(r.go([gate] { park_in_a_named_function(gate); }));
    CHECK(tests::eventually([&] {
        int parked = 0;
        for (auto const& f : r.fibers({.backtraces = false}))
            parked += f.state == "parked";
        return parked == n;
    }));
    return all;
}

void end_all(fiber::chan<bool> gate, std::vector<fiber::handle>& all) {
    gate.close();
    for (auto& f : all)
        f.join();
}

} // namespace

TEST_CASE("equal fibers are printed once, with their number and their function", "[inspect]") {
    fiber::runtime r({.processors = 2});
    fiber::chan<bool> const gate;
    auto all = park_many(r, gate, 1203);
    std::string const text = dump_of(r);
    INFO(text);
    CHECK(text.find("1203 fibers on 2 processors\n") == 0);
    CHECK(count(text, "1,203 fibers: parked, chan receive 0x") == 1);
    CHECK(count(text, "park_in_a_named_function(") == 1);
    CHECK(count(text, " and 1,198 more\n") == 1);
    CHECK(count(text, "started at ") == 1);
    end_all(gate, all);
}

TEST_CASE("fibers that have parked by different paths are not equal", "[inspect]") {
    fiber::runtime r({.processors = 2});
    fiber::chan<bool> const gate;
    auto all = park_many(r, gate, 3);
    all.push_back(r.go({.name = "other"}, [gate]() {
        fiber::chan<bool>(gate).recv();
        asm volatile("");
    }));
    wait_until_parked(r, "other");
    std::string const text = dump_of(r);
    INFO(text);
    CHECK(count(text, "3 fibers: parked, chan receive") == 1);
    CHECK(count(text, "\"other\": parked, chan receive") == 1);
    end_all(gate, all);
}

TEST_CASE("a fiber that has parked by the last call of its function shows the function", "[inspect]") {
    fiber::runtime r({.processors = 2});
    auto sleeps = r.go({.name = "sleeps"}, [] { fiber::this_fiber::sleep_for(1s); });
    wait_until_parked(r, "sleeps");
    std::string const text = dump_of(r);
    INFO(text);
    CHECK(count(text, "{lambda()#") + count(text, "::$_") >= 1);
    sleeps.join();
}

TEST_CASE("without backtraces, fibers are grouped by the place of their start", "[inspect]") {
    fiber::runtime r({.processors = 2});
    fiber::chan<bool> const gate;
    auto all = park_many(r, gate, 5);
    std::string const text = dump_of(r, {.backtraces = false});
    INFO(text);
    CHECK(count(text, "5 fibers: parked, chan receive") == 1);
    CHECK(count(text, "park_in_a_named_function") == 0);
    end_all(gate, all);
}

TEST_CASE("a name cannot break the lines of a dump", "[inspect]") {
    fiber::runtime r({.processors = 1});
    std::string_view const name = "a\nfiber 1 \"b\"\x1b[31m";
    fiber::chan<bool> gate;
    auto named = r.go({.name = name}, [gate]() mutable { static_cast<void>(gate.recv()); });
    wait_until_parked(r, name);
    std::string const text = dump_of(r);
    INFO(text);
    CHECK(text.find(R"("a\x0afiber 1 \"b\"\x1b[31m": parked)") != text.npos);
    gate.close();
    named.join();
}

TEST_CASE("JSON is one document, and names are escaped", "[inspect]") {
    fiber::runtime r({.processors = 1});
    std::string_view const name = "a\n\"\\\xff\xc3\xa9";
    fiber::chan<bool> gate;
    auto named = r.go({.name = name}, [gate]() mutable { static_cast<void>(gate.recv()); });
    wait_until_parked(r, name);
    std::string const text = dump_of(r, {.json = true});
    INFO(text);
    CHECK(text.find(R"("name":"a\u000a\"\\\ufffdé")") != text.npos);
    CHECK(text.find(R"("state":"parked","waits_for":"chan receive, 0 of 0 buffered")") != text.npos);
    CHECK(count(text, "{") == count(text, "}"));
    CHECK(count(text, "[") == count(text, "]"));
    gate.close();
    named.join();
}

TEST_CASE("dump_all writes the fibers of all runtimes to a descriptor", "[inspect]") {
    fiber::runtime one({.processors = 1}), two({.processors = 1});
    fiber::chan<bool> gate;
    auto const waits = [gate]() mutable { static_cast<void>(gate.recv()); };
    auto a = one.go({.name = "of one"}, waits), b = two.go({.name = "of two"}, waits);
    wait_until_parked(one, "of one");
    wait_until_parked(two, "of two");
    std::FILE* const file = std::tmpfile();
    REQUIRE(file != nullptr);
    fiber::dump_all(::fileno(file));
    std::string text(100'000, '\0');
    std::rewind(file);
    text.resize(std::fread(text.data(), 1, text.size(), file));
    std::fclose(file);
    INFO(text);
    CHECK(count(text, "\"of one\": parked") == 1);
    CHECK(count(text, "\"of two\": parked") == 1);
    gate.close();
    a.join();
    b.join();
}

TEST_CASE("a snapshot leaves no child to wait for", "[inspect]") {
    fiber::runtime r({.processors = 2});
    fiber::chan<bool> const gate;
    auto all = park_many(r, gate, 10);
    std::string const text = dump_of(r, {.snapshot = true});
    INFO(text);
    CHECK(count(text, "10 fibers: parked, chan receive") == 1);
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
    CHECK(tests::last_error() == ECHILD);
    end_all(gate, all);
}
