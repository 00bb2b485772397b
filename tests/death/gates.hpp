// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// gates.hpp: every kind of wait in the library for something that another fiber or OS thread does, behind one
// interface.
#pragma once

#include <fiber/fiber.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <shared_mutex>

namespace tests {

class gate {
public:
    gate() = default;
    gate(gate const&) = delete;
    gate& operator=(gate const&) = delete;
    virtual ~gate() = default;
    virtual void wait() = 0; // until the gate is open
    virtual void open() = 0; // called once, by the agent that has made the gate
};

class receive_gate final : public gate {
    void wait() override { static_cast<void>(channel_.recv()); }
    void open() override { channel_.close(); }
    fiber::chan<int> channel_;
};

class send_gate final : public gate {
public:
    explicit send_gate(std::size_t waiters) : waiters_(waiters) {}

private:
    void wait() override { channel_.send(1); }
    void open() override {
        for (std::size_t i = 0; i < waiters_; ++i)
            static_cast<void>(channel_.recv());
    }
    fiber::chan<int> channel_;
    std::size_t const waiters_;
};

class select_gate final : public gate {
    void wait() override {
        fiber::select(fiber::on_recv(never_, [](auto) {}), fiber::on_recv(channel_, [](auto) {}));
    }
    void open() override { channel_.close(); }
    fiber::chan<int> channel_, never_;
};

class mutex_gate final : public gate {
public:
    mutex_gate() { mutex_.lock(); }

private:
    void wait() override { std::scoped_lock const hold(mutex_); }
    void open() override { mutex_.unlock(); }
    fiber::mutex mutex_;
};

class shared_mutex_gate final : public gate {
public:
    shared_mutex_gate() { mutex_.lock(); }

private:
    void wait() override { std::shared_lock const hold(mutex_); }
    void open() override { mutex_.unlock(); }
    fiber::shared_mutex mutex_;
};

class condition_gate final : public gate {
    void wait() override {
        std::unique_lock hold(mutex_);
        changed_.wait(hold, [this] { return is_open_; });
    }
    void open() override {
        std::scoped_lock const hold(mutex_);
        is_open_ = true;
        changed_.notify_all();
    }
    fiber::mutex mutex_;
    fiber::condition_variable changed_;
    bool is_open_ = false;
};

class wait_group_gate final : public gate {
public:
    wait_group_gate() { group_.add(); }

private:
    void wait() override { group_.wait(); }
    void open() override { group_.done(); }
    fiber::wait_group group_;
};

// The first call of the function is not over until the gate opens.
class once_gate final : public gate {
public:
    once_gate() {
        fiber::chan<int> begun;
        first_ = fiber::go([this, begun] {
            fiber::call_once(flag_, [this, begun]() mutable {
                begun.close();
                static_cast<void>(channel_.recv());
            });
        });
        static_cast<void>(begun.recv());
    }

private:
    void wait() override {
        fiber::call_once(flag_, [] {});
    }
    void open() override {
        channel_.close();
        first_.join();
    }
    fiber::once_flag flag_;
    fiber::chan<int> channel_;
    fiber::handle first_;
};

class semaphore_gate final : public gate {
public:
    explicit semaphore_gate(std::size_t waiters) : waiters_(waiters) {}

private:
    void wait() override { permits_.acquire(); }
    void open() override { permits_.release(static_cast<std::ptrdiff_t>(waiters_)); }
    fiber::counting_semaphore<> permits_{0};
    std::size_t const waiters_;
};

class latch_gate final : public gate {
    void wait() override { latch_.wait(); }
    void open() override { latch_.count_down(); }
    fiber::latch latch_{1};
};

class barrier_gate final : public gate {
public:
    explicit barrier_gate(std::size_t waiters) : barrier_(static_cast<std::ptrdiff_t>(waiters) + 1) {}

private:
    void wait() override { barrier_.arrive_and_wait(); }
    void open() override { static_cast<void>(barrier_.arrive()); }
    fiber::barrier<> barrier_;
};

class future_gate final : public gate {
    void wait() override { fiber::shared_future<void>(future_).get(); }
    void open() override { promise_.set_value(); }
    fiber::promise<void> promise_;
    fiber::shared_future<void> const future_{promise_.get_future()};
};

class join_gate final : public gate {
    void wait() override {
        fiber::go([this] { static_cast<void>(fiber::chan<int>(channel_).recv()); }).join();
    }
    void open() override { channel_.close(); }
    fiber::chan<int> channel_;
};

inline constexpr std::size_t kinds_of_gates = 13;

inline std::unique_ptr<gate> make_gate(std::size_t kind, std::size_t waiters) {
    switch (kind) {
    case 0:
        return std::make_unique<receive_gate>();
    case 1:
        return std::make_unique<send_gate>(waiters);
    case 2:
        return std::make_unique<select_gate>();
    case 3:
        return std::make_unique<mutex_gate>();
    case 4:
        return std::make_unique<shared_mutex_gate>();
    case 5:
        return std::make_unique<condition_gate>();
    case 6:
        return std::make_unique<wait_group_gate>();
    case 7:
        return std::make_unique<once_gate>();
    case 8:
        return std::make_unique<semaphore_gate>(waiters);
    case 9:
        return std::make_unique<latch_gate>();
    case 10:
        return std::make_unique<barrier_gate>(waiters);
    case 11:
        return std::make_unique<future_gate>();
    default:
        return std::make_unique<join_gate>();
    }
}

} // namespace tests
