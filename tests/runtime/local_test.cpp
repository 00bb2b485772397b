// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// local_test.cpp: fiber::local: values, destruction, and memory.

#include "tests/support/catch.hpp"
#include "tests/support/procs.hpp"

#include <fiber/fiber.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;

namespace {

// Counts its live objects, and their maximum.
struct counted {
    static inline std::atomic<int> there{0}, most{0};
    counted() {
        int const now = ++there;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
    }
    counted(counted const&) = delete;
    counted& operator=(counted const&) = delete;
    ~counted() { --there; }
};

// Makes and destroys `variables` locals. Returns the maximum number of additional live values in one
// fiber or thread.
int max_left_by(int variables) {
    int const before = counted::there;
    counted::most = before;
    fiber::local<int> stays;
    *stays = 7;
    for (int i = 0; i < variables; ++i) {
        fiber::local<counted> goes;
        static_cast<void>(goes.get());
    }
    CHECK(*stays == 7);
    return counted::most - before;
}

} // namespace

TEST_CASE("a local has a separate value in each fiber and thread, made on first use", "[local]") {
    static fiber::local<int> value;
    *value = 1;
    std::thread([] {
        CHECK(*value == 0);
        *value = 5;
    }).join();
    fiber::run([] {
        CHECK(*value == 0);
        *value = 2;
        fiber::go([] { *value = 3; }).join();
        fiber::this_fiber::yield();
        CHECK(value.get() == 2);
    });
    CHECK(*value == 1);
}

TEST_CASE("locals are destroyed when the fiber ends, in reverse order of creation", "[local]") {
    struct noisy {
        std::string* log;
        char name;
        ~noisy() { *log += name; }
    };
    std::string log;
    fiber::local<noisy> a([&] { return std::unique_ptr<noisy>(new noisy{&log, 'a'}); });
    fiber::local<noisy> b([&] { return std::unique_ptr<noisy>(new noisy{&log, 'b'}); });
    fiber::go([&] {
        CHECK(a->name == 'a');
        CHECK(b->name == 'b');
        CHECK(log.empty());
    }).join();
    CHECK(log == "ba");
    std::thread([&] { static_cast<void>(a.get()); }).join();
    CHECK(log == "baa");
}

TEST_CASE("a local's destructor may use locals and park", "[local]") {
    static fiber::local<int> late;
    struct parks {
        ~parks() {
            fiber::this_fiber::sleep_for(1ms);
            ++*late;
        }
    };
    fiber::local<parks> early;
    fiber::go([&] { static_cast<void>(early.get()); }).join();
    SUCCEED();
}

TEST_CASE("values of destroyed locals do not pile up in a long-lived fiber", "[local]") {
    fiber::run([] { CHECK(max_left_by(10'000) < 40); });
    CHECK(counted::there == 0);
}

TEST_CASE("values of destroyed locals do not pile up in a long-lived OS thread", "[local]") {
    std::thread([] { CHECK(max_left_by(10'000) < 40); }).join();
    CHECK(counted::there == 0);
}

TEST_CASE("values do not pile up if another fiber destroys their locals", "[local]") {
    tests::on_processors([] {
        counted::most = 0;
        fiber::chan<fiber::local<counted>*> variables;
        fiber::chan<void> used;
        fiber::handle user = fiber::go([&] {
            for (fiber::local<counted>* const v : variables) {
                static_cast<void>(v->get());
                used.send();
            }
        });
        for (int i = 0; i < 3'000; ++i) {
            fiber::local<counted> here;
            variables.send(&here);
            used.recv();
        }
        variables.close();
        user.join();
        CHECK(counted::most < 40);
        CHECK(counted::there == 0);
    });
}

TEST_CASE("a thousand locals keep their values while other locals come and go", "[local]") {
    fiber::run([] {
        counted::most = 0;
        std::vector<std::unique_ptr<fiber::local<int>>> stay;
        for (int i = 0; i < 1'000; ++i) {
            stay.push_back(std::make_unique<fiber::local<int>>());
            **stay.back() = i;
            fiber::local<counted> goes;
            static_cast<void>(goes.get());
        }
        for (int i = 0; i < 1'000; ++i)
            REQUIRE(**stay[static_cast<std::size_t>(i)] == i);
        CHECK(counted::most <= 1'000);
        stay.clear();
        CHECK(max_left_by(5'000) <= 2'000); // the 1,000 and an equal number of new ones
        CHECK(counted::there < 40);         // The values of the 1,000 locals are destroyed, too.
    });
    CHECK(counted::there == 0);
}

TEST_CASE("a value destroyed late may use locals, also its successor, and park", "[local]") {
    static fiber::local<int> seen;
    struct late {
        std::optional<int>* end;
        ~late() {
            fiber::this_fiber::yield();
            ++*seen;
            *end = *seen;
        }
    };
    fiber::run([] {
        std::optional<int> end;
        {
            fiber::local<late> goes([&] { return std::unique_ptr<late>(new late{&end}); });
            static_cast<void>(goes.get());
        }
        std::vector<std::unique_ptr<fiber::local<int>>> others;
        while (!end) {
            others.push_back(std::make_unique<fiber::local<int>>());
            **others.back() = static_cast<int>(others.size());
            REQUIRE(others.size() < 100);
        }
        CHECK(*end == 1);
        CHECK(*seen == 1);
        for (std::size_t i = 0; i < others.size(); ++i)
            CHECK(**others[i] == static_cast<int>(i + 1));
    });
}

TEST_CASE("each fiber starts with a copy of a local's initial value", "[local]") {
    static fiber::local<int> depth = 3;
    static fiber::local<std::string> text("begin");
    static fiber::local<std::vector<int>> numbers({1, 2, 3});
    auto const check = [] {
        CHECK(depth == 3);
        CHECK(text.get() == "begin");
        CHECK(numbers->size() == 3);
        depth = 8;
        text->append("s");
        numbers->clear();
        CHECK(depth == 8);
        CHECK(*text == "begins");
        CHECK(numbers->empty());
    };
    fiber::run(check);
    fiber::run(check);
    std::thread(check).join();
    fiber::run([&] {
        check();
        fiber::go(check).join();
        CHECK(depth == 8);
    });
}

TEST_CASE("a local replaces a thread_local under the same name", "[local]") {
    struct unit {
        int value;
        explicit unit(int v) : value(v) {}
    };
    static fiber::local<int> x(3), y{4};
    static fiber::local<double> d;
    static fiber::local<char const*> word = "one";
    static fiber::local<bool> on = false;
    static fiber::local<unit> u(7);
    static constexpr auto add_one = [](int& n) { ++n; };
    fiber::run([] {
        x = 4;
        ++x;
        x++;
        x += 2;
        x -= 1;
        CHECK(x == 7);
        CHECK((x = 5) == 5);
        (x = 5) = 6;
        add_one(x);
        CHECK(x + y == 11);
        x = y;
        y = 1;
        CHECK(x == 4);
        int& mine = x;
        mine = 9;
        CHECK(*x == 9);
        CHECK(&mine == &x.get());
        d = x / 2;
        d *= 2.5;
        CHECK(d > 9.9);
        CHECK(std::string(word) == "one");
        word = "two";
        CHECK(std::string(word) == "two");
        on = !on;
        CHECK(on);
        u = unit(8);
        CHECK(u->value == 8);
        fiber::go([] {
            CHECK(x == 3);
            CHECK(!on);
            CHECK(u->value == 7);
        }).join();
    });
    CHECK(x == 3);
}

TEST_CASE("a local allows exactly the types of thread_local variables", "[local]") {
    struct no_copy {
        no_copy() = default;
        no_copy(no_copy const&) = delete;
        no_copy& operator=(no_copy const&) = delete;
    };
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<fiber::local<int>>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<fiber::local<no_copy>, no_copy>);
    STATIC_REQUIRE_FALSE(std::is_assignable_v<fiber::local<no_copy>&, no_copy>);
    STATIC_REQUIRE_FALSE(std::is_assignable_v<fiber::local<no_copy>&, fiber::local<no_copy>&>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<fiber::local<int>, std::string>);
    STATIC_REQUIRE_FALSE(std::is_assignable_v<fiber::local<int>&, std::string>);
    STATIC_REQUIRE(std::is_convertible_v<fiber::local<int>, int&>);
    STATIC_REQUIRE(std::is_convertible_v<int, fiber::local<long>>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<std::size_t, fiber::local<std::vector<int>>>);
    fiber::local<no_copy> made;
    fiber::local<std::function<int()>> call([] { return 5; }),
        by_function([] { return std::make_unique<std::function<int()>>([] { return 6; }); });
    CHECK(call.get()() == 5);
    CHECK(by_function.get()() == 6);
    CHECK(&made.get() == &*made);
}
