// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// switch_test.cpp: arch::switch_to: the state that a switch saves, commit functions, and unwinding
// on both sides.

#include "tests/support/catch.hpp"

#include "asm/switch/switch.hpp"

#include <cerrno>
#include <cfenv>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <unwind.h>
#include <vector>

namespace arch = fiber::arch;

namespace {

// A second flow of control beside the test's. run() switches to it, back() returns to the test.
class coroutine {
public:
    explicit coroutine(void (*body)(coroutine&)) : body_(body), stack_(64 * 1024) {
        current = this;
        thread_.find();
        outside_.sanitizer.adopt_thread();
        arch::make_context(inside_, stack_.data(), stack_.size(), entry);
    }
    ~coroutine() { arch::drop_context(inside_); }

    void run(arch::commit_function commit = nullptr, void* argument = nullptr) {
        arch::switch_to(thread_, outside_, inside_, commit, argument);
    }
    void back(arch::commit_function commit = nullptr, void* argument = nullptr) {
        arch::switch_to(thread_, inside_, outside_, commit, argument);
    }
    [[nodiscard]] bool on_its_stack(void const* p) const {
        auto const* const b = static_cast<std::byte const*>(p);
        return b >= stack_.data() && b < stack_.data() + stack_.size();
    }

    std::vector<std::string> log;
    std::exception_ptr seen;

private:
    static inline coroutine* current = nullptr;
    static void entry() noexcept {
        coroutine& self = *current;
        self.body_(self);
        self.back();
        std::terminate(); // A context that has ended must not be resumed.
    }

    void (*body_)(coroutine&);
    std::vector<std::byte> stack_;
    arch::thread_state_slots thread_;
    arch::context outside_, inside_;
};

// Returns the address of a frame. AddressSanitizer does not move a frame address to its heap, as it
// does with variables.
[[gnu::noinline]] void const* here() { return __builtin_frame_address(0); }

// Returns how many frames the C++ unwinder finds above this frame. _URC_END_OF_STACK shows that the
// unwinder reached the end of the stack and met no frame that it cannot read. Returns -1 otherwise.
[[gnu::noinline]] int frames() {
    int n = 0;
    auto const count = [](_Unwind_Context*, void* p) {
        ++*static_cast<int*>(p);
        return _URC_NO_REASON;
    };
    return _Unwind_Backtrace(count, &n) == _URC_END_OF_STACK ? n : -1;
}

// Keeps more values alive across go() than the CPU has registers. Returns true if no value changed.
template <class Go>
[[gnu::noinline]] bool sums_around(Go go, int seed) {
    volatile int source = seed;
    int i[16];
    double d[16];
    for (int k = 0; k < 16; ++k) {
        i[k] = source + k;
        d[k] = source * 0.5 + k;
    }
    go();
    for (int k = 0; k < 16; ++k)
        if (i[k] != seed + k || d[k] != seed * 0.5 + k)
            return false;
    return true;
}

} // namespace

TEST_CASE("a switch enters the new stack and returns to the point of the switch", "[switch]") {
    coroutine c([](coroutine& self) {
        self.log.push_back(self.on_its_stack(here()) ? "inside" : "elsewhere");
        self.back();
        self.log.push_back("again");
    });
    c.run();
    c.log.push_back(c.on_its_stack(here()) ? "elsewhere" : "outside");
    c.run();
    CHECK(c.log == std::vector<std::string>{"inside", "outside", "again"});
}

TEST_CASE("a commit function runs on the target's stack before the target continues", "[switch]") {
    coroutine c([](coroutine& self) {
        self.log.push_back("first frame");
        self.back(
            [](void* s) noexcept {
                auto& there = *static_cast<coroutine*>(s);
                there.log.push_back(there.on_its_stack(here()) ? "commit inside" : "commit outside");
            },
            &self);
        self.log.push_back("resumed");
    });
    auto const commit = [](void* s) noexcept {
        auto& there = *static_cast<coroutine*>(s);
        there.log.push_back(there.on_its_stack(here()) ? "commit inside" : "commit outside");
    };
    c.run(commit, &c);
    c.log.push_back("back");
    c.run(commit, &c);
    CHECK(c.log == std::vector<std::string>{"commit inside", "first frame", "commit outside", "back",
                                            "commit inside", "resumed"});
}

TEST_CASE("each flow of control has its errno", "[switch]") {
    coroutine c([](coroutine& self) {
        self.log.push_back(std::to_string(errno)); // A new flow of control starts with errno 0.
        errno = EPERM;
        self.back();
        self.log.push_back(std::to_string(errno));
    });
    errno = ENOENT;
    c.run();
    CHECK(errno == ENOENT);
    errno = EBUSY;
    c.run();
    CHECK(errno == EBUSY);
    CHECK(c.log == std::vector<std::string>{"0", std::to_string(EPERM)});
}

TEST_CASE("each flow of control has its rounding mode", "[switch]") {
    coroutine c([](coroutine& self) {
        std::fesetround(FE_UPWARD);
        self.back();
        self.log.push_back(std::fegetround() == FE_UPWARD ? "upward" : "lost");
    });
    c.run();
    CHECK(std::fegetround() == FE_TONEAREST);
    c.run();
    CHECK(std::fegetround() == FE_TONEAREST);
    CHECK(c.log == std::vector<std::string>{"upward"});
}

TEST_CASE("a new flow of control starts with the default rounding mode", "[switch]") {
    std::fesetround(FE_UPWARD);
    coroutine c([](coroutine& self) {
        self.log.push_back(std::fegetround() == FE_TONEAREST ? "to nearest" : "its maker's");
    });
    c.run();
    CHECK(std::fegetround() == FE_UPWARD);
    std::fesetround(FE_TONEAREST);
    CHECK(c.log == std::vector<std::string>{"to nearest"});
}

TEST_CASE("variables in registers survive a switch", "[switch]") {
    coroutine c([](coroutine& self) {
        for (int i = 0;; ++i)
            self.log.push_back(sums_around([&] { self.back(); }, 1000 * i) ? "kept" : "lost");
    });
    c.run();
    for (int i = 0; i < 3; ++i)
        CHECK(sums_around([&] { c.run(); }, i));
    CHECK(c.log == std::vector<std::string>{"kept", "kept", "kept"});
}

TEST_CASE("an exception is caught in the flow of control of its throw", "[switch]") {
    coroutine c([](coroutine& self) {
        for (int i = 0; i < 2; ++i)
            try {
                struct switches_while_unwinding {
                    coroutine& self;
                    ~switches_while_unwinding() { self.back(); }
                } const s{self};
                throw std::runtime_error("inside");
            } catch (std::exception const& e) {
                self.log.push_back(e.what());
            }
    });
    for (int i = 0; i < 3; ++i)
        CHECK_THROWS_AS(
            [&] {
                c.run();
                throw std::logic_error("outside");
            }(),
            std::logic_error);
    CHECK(c.log == std::vector<std::string>{"inside", "inside"});
}

TEST_CASE("an unwinder passes a switch, reaches the first frame and stops", "[switch]") {
    coroutine c([](coroutine& self) {
        auto const before = frames();
        self.back();
        self.log.push_back(before > 1 && frames() == before ? "same" : "other");
        // This switch runs a commit function that unwinds the stack on which it runs.
        self.back();
        self.log.push_back(before > 1 && before < 20 ? "ended" : "ran on");
    });
    c.run();
    c.run();
    int seen_by_commit = 0;
    c.run([](void* n) noexcept { *static_cast<int*>(n) = frames(); }, &seen_by_commit);
    CHECK(c.log == std::vector<std::string>{"same", "ended"});
    CHECK(seen_by_commit > 1);
    CHECK(seen_by_commit < 20);
}

TEST_CASE("each flow of control has its exceptions in handling", "[switch]") {
    coroutine c([](coroutine& self) {
        try {
            throw std::runtime_error("inside");
        } catch (...) {
            self.back(); // switches inside the handler
            try {
                throw; // must rethrow "inside", not the exception that the test handles
            } catch (std::exception const& e) {
                self.log.push_back(e.what());
            }
        }
    });
    c.run();
    CHECK(std::current_exception() == nullptr);
    try {
        throw std::runtime_error("outside");
    } catch (...) {
        c.run();
        try {
            throw;
        } catch (std::exception const& e) {
            CHECK(std::string(e.what()) == "outside");
        }
    }
    CHECK(c.log == std::vector<std::string>{"inside"});
}

TEST_CASE("uncaught_exceptions counts the exceptions of one flow of control", "[switch]") {
    coroutine c([](coroutine& self) { self.log.push_back(std::to_string(std::uncaught_exceptions())); });
    struct switches_while_unwinding {
        coroutine& c;
        ~switches_while_unwinding() { c.run(); }
    };
    try {
        switches_while_unwinding const s{c};
        throw 1;
    } catch (int) {
    }
    CHECK(c.log == std::vector<std::string>{"0"});
    CHECK(std::uncaught_exceptions() == 0);
}
