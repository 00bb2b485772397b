// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// How late are timers, and goroutines that another one has woken, while others compute?
package main

import (
	"sort"
	"sync/atomic"
	"time"
)

const period = time.Millisecond // of the timer

// Returns p50, p99 and the longest, in ns.
func spread(all []time.Duration) []int64 {
	verify(len(all) > 0, "there are samples")
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	at := func(percent int) int64 {
		i := len(all) * percent / 100
		if i >= len(all) {
			i = len(all) - 1
		}
		return all[i].Nanoseconds()
	}
	return []int64{at(50), at(99), at(100)}
}

func lateness(computing, milliseconds int) spent {
	var enough atomic.Bool
	var timers, wakes []time.Duration
	woken, ended := make(chan time.Time, 1), make(chan bool)
	for i := 0; i < computing; i++ {
		go func() {
			for !enough.Load() {
			}
		}()
	}
	go func() {
		for since := range woken {
			wakes = append(wakes, time.Since(since))
		}
		ended <- true
	}()
	for end := time.Now().Add(time.Duration(milliseconds) * time.Millisecond); time.Now().Before(end); {
		due := time.Now().Add(period)
		time.Sleep(period)
		now := time.Now()
		timers = append(timers, now.Sub(due))
		woken <- now
	}
	close(woken)
	enough.Store(true)
	<-ended
	return spent{list: append(spread(timers), spread(wakes)...)}
}
