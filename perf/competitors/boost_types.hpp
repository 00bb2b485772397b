// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What workloads use, and Boost.Fiber has under other names or not at all.
#pragma once

#include <boost/fiber/buffered_channel.hpp>
#include <boost/fiber/condition_variable.hpp>
#include <boost/fiber/fiber.hpp>
#include <boost/fiber/mutex.hpp>
#include <boost/fiber/operations.hpp>
#include <boost/fiber/unbuffered_channel.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace perf::competitors {

// A handle, as fiber::chan, to one of Boost.Fiber's two channels. The capacity of the buffered one is a power
// of two, and it holds one item less.
template <class T>
class boost_channel {
public:
    explicit boost_channel(std::size_t capacity = 0) {
        if (capacity == 0)
            unbuffered_ = std::make_shared<boost::fibers::unbuffered_channel<T>>();
        else
            buffered_ = std::make_shared<boost::fibers::buffered_channel<T>>(capacity);
    }

    void send(T value) const {
        if (unbuffered_)
            unbuffered_->push(std::move(value));
        else
            buffered_->push(std::move(value));
    }
    std::optional<T> recv() const {
        T value{};
        auto const status = unbuffered_ ? unbuffered_->pop(value) : buffered_->pop(value);
        if (status != boost::fibers::channel_op_status::success)
            return std::nullopt;
        return value;
    }
    void close() const {
        if (unbuffered_)
            unbuffered_->close();
        else
            buffered_->close();
    }

private:
    std::shared_ptr<boost::fibers::unbuffered_channel<T>> unbuffered_{};
    std::shared_ptr<boost::fibers::buffered_channel<T>> buffered_{};
};

// Go's WaitGroup, for one wait after one add. Only the last done() takes a lock.
class boost_wait_group {
public:
    void add(std::int64_t n) { left_ += n; }
    void done() {
        if (left_.fetch_sub(1) != 1)
            return;
        {
            std::lock_guard lock(mutex_);
            zero_.notify_all();
        }
        gone_ = true; // *this may be destroyed from here on
    }
    void wait() {
        std::unique_lock lock(mutex_);
        zero_.wait(lock, [&] { return left_ == 0; });
        lock.unlock();
        while (!gone_)
            boost::this_fiber::yield();
    }

private:
    std::atomic<std::int64_t> left_ = 0;
    std::atomic<bool> gone_ = false;
    boost::fibers::mutex mutex_;
    boost::fibers::condition_variable zero_;
};

} // namespace perf::competitors
