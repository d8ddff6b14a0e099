#include "workers/sdk/routes.h"

#include <gtest/gtest.h>

namespace saga::workers {
namespace {

TEST(PathPattern, TakesOneSegmentForAName) {
  const PathPattern pattern("/orders/:order/lines/:line");
  const auto parameters = pattern.match("/orders/o%2F1/lines/%C3%BC?x=/y");
  ASSERT_TRUE(parameters);
  EXPECT_EQ(parameters->at("order"), "o/1");
  EXPECT_EQ(parameters->at("line"), "ü");
}

TEST(PathPattern, FitsWholePathsOnly) {
  const PathPattern pattern("/orders/:order");
  for (const char* target :
       {"", "/", "/orders", "/orders/", "/orders/1/", "/orders/1/2", "/order/1", "orders/1", "http://h/orders/1"}) {
    EXPECT_FALSE(pattern.match(target)) << target;
  }
  EXPECT_TRUE(PathPattern("/").match("/?a"));
  EXPECT_TRUE(PathPattern("/a b").match("/a%20b"));
}

TEST(PercentDecode, LeavesWhatIsNoSequence) {
  EXPECT_EQ(percent_decode("%41%zz%4"), "A%zz%4");
  EXPECT_EQ(percent_decode("%"), "%");
}

}  // namespace
}  // namespace saga::workers
