#include "app/interrupt.h"

#include <gtest/gtest.h>

#include <csignal>

#include "clade/core/error.h"

namespace {

TEST(StopOnInterrupt, HandlesSignalsOnAStackOfTheirOwn) {
  const StopOnInterrupt stop;
  for (const int signal : StopOnInterrupt::kSignals) {
    struct sigaction now {};
    ASSERT_EQ(::sigaction(signal, nullptr, &now), 0);
    EXPECT_TRUE(now.sa_flags & SA_ONSTACK) << signal;
  }
  stack_t stack{};
  ASSERT_EQ(::sigaltstack(nullptr, &stack), 0);
  EXPECT_FALSE(stack.ss_flags & SS_DISABLE);
  EXPECT_GE(stack.ss_size, 32768);  // a processor's registers take up to 11 KiB

  EXPECT_NO_THROW(StopOnInterrupt::check("stopped"));
  std::raise(SIGTERM);
  EXPECT_THROW(StopOnInterrupt::check("stopped"), clade::Interrupted);
}

TEST(StopOnInterrupt, LeavesHandlersAsTheyWere) {
  std::signal(SIGHUP, SIG_IGN);  // by nohup
  end_on_interrupt();
  struct sigaction before {};
  ::sigaction(SIGINT, nullptr, &before);
  {
    const StopOnInterrupt stop;
    std::raise(SIGHUP);
  }
  struct sigaction now {};
  ::sigaction(SIGINT, nullptr, &now);
  EXPECT_EQ(now.sa_handler, before.sa_handler);
  ::sigaction(SIGHUP, nullptr, &now);
  EXPECT_EQ(now.sa_handler, SIG_IGN);
}

}  // namespace
