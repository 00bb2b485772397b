// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/time/leftist_heap.hpp"

#include <utility>

namespace fiber::rt {
namespace {

std::uint8_t rank_of(timer const* t) noexcept { return t == nullptr ? std::uint8_t{0} : t->rank; }

// Restores the invariant of t. Both children must satisfy it. Returns true if t's rank has changed.
bool repair(timer& t) noexcept {
    if (rank_of(t.left) < rank_of(t.right))
        std::swap(t.left, t.right);
    auto const rank = static_cast<std::uint8_t>(rank_of(t.right) + 1);
    return std::exchange(t.rank, rank) != rank;
}

} // namespace

void leftist_heap::push(timer& t) noexcept {
    t.rank = 1;
    t.parent = t.left = t.right = nullptr;
    root_ = merged(root_, &t);
    ++size_;
}

// If the rank of a timer above t changes, the timer below it is its right child afterwards. Therefore ranks
// grow by one from step to step, and the loop ends after at most log2(n + 1) steps.
void leftist_heap::remove(timer& t) noexcept {
    timer* const parent = t.parent;
    timer* const rest = merged(t.left, t.right);
    if (rest != nullptr)
        rest->parent = parent;
    if (parent == nullptr)
        root_ = rest;
    else
        (parent->left == &t ? parent->left : parent->right) = rest;
    for (timer* above = parent; above != nullptr && repair(*above); above = above->parent) {
    }
    --size_;
}

// Merges along the right paths of both heaps, down and back up. It is a loop since the caller's stack may
// be short.
timer* leftist_heap::merged(timer* a, timer* b) noexcept {
    if (a != nullptr)
        a->parent = nullptr;
    if (b != nullptr)
        b->parent = nullptr;
    timer* last = nullptr; // the end of the right path of the merged heap
    timer* root = nullptr;
    while (a != nullptr || b != nullptr) {
        if (a == nullptr || (b != nullptr && b->when < a->when))
            std::swap(a, b);
        (last == nullptr ? root : last->right) = a;
        a->parent = last;
        last = a;
        if (b == nullptr)
            break;
        a = a->right;
    }
    for (timer* t = last; t != nullptr; t = t->parent)
        repair(*t);
    return root;
}

} // namespace fiber::rt
