// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does it cost to start goroutines, to wait for their end, and to switch between them?
package main

import (
	"runtime"
	"sync"
	"time"
)

func yieldInTurns(tasks, n int) time.Duration {
	rounds := (n + tasks - 1) / tasks
	gate := make(chan bool)
	var ready, done sync.WaitGroup
	ready.Add(tasks)
	done.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			ready.Done()
			<-gate
			for i := 0; i < rounds; i++ {
				runtime.Gosched()
			}
			done.Done()
		}()
	}
	ready.Wait()
	start := time.Now()
	close(gate)
	done.Wait()
	return time.Since(start) * time.Duration(n) / time.Duration(rounds*tasks)
}

func startAndJoin(n int) time.Duration {
	ran := 0
	start := time.Now()
	for i := 0; i < n; i++ {
		ended := make(chan struct{})
		go func() {
			ran++
			close(ended)
		}()
		<-ended
	}
	took := time.Since(start)
	verify(ran == n, "every goroutine ran once before its end was seen")
	return took
}

func startAllThenWait(n int) time.Duration {
	var all sync.WaitGroup
	all.Add(n)
	start := time.Now()
	for i := 0; i < n; i++ {
		go all.Done()
	}
	all.Wait()
	return time.Since(start)
}

func node(parent chan<- int, first, size int) {
	if size == 1 {
		parent <- first
		return
	}
	children := make(chan int)
	for i := 0; i < 10; i++ {
		go node(children, first+i*(size/10), size/10)
	}
	sum := 0
	for i := 0; i < 10; i++ {
		sum += <-children
	}
	parent <- sum
}

func growATree(leaves int) time.Duration {
	start := time.Now()
	result := make(chan int)
	go node(result, 0, leaves)
	sum := <-result
	took := time.Since(start)
	verify(sum == leaves*(leaves-1)/2, "the leaves' numbers add up")
	return took
}
