// What is taken out of a JSON text, and that nothing else is changed by it.
#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json/outline.h"

using namespace tensorlane::json;

namespace {

using Dims = std::vector<std::size_t>;

struct Taken {
  std::string text;
  Dims dims;
};

std::vector<Taken> taken(std::string_view text, std::size_t least = 1) {
  std::vector<Taken> all;
  for (const NumberArray& array : outline(text, least).arrays) {
    all.push_back({std::string(text.substr(array.begin, array.end - array.begin)), array.dims});
  }
  return all;
}

void check_taken(std::string_view text, const std::vector<Taken>& expected, std::size_t least = 1) {
  CAPTURE(text);
  const auto found = taken(text, least);
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i].text == expected[i].text);
    CHECK(found[i].dims == expected[i].dims);
  }
}

}  // namespace

TEST_CASE("arrays of numbers are taken out with their shape") {
  check_taken("[1]", {{"[1]", {1}}});
  check_taken(R"({"a": [1, 2,3 ], "b": 4})", {{"[1, 2,3 ]", {3}}});
  check_taken("[[1,2,3],[4,5,6]]", {{"[[1,2,3],[4,5,6]]", {2, 3}}});
  check_taken("[[[1],[2]],[[3],[4]],[[5],[6]]]", {{"[[[1],[2]],[[3],[4]],[[5],[6]]]", {3, 2, 1}}});
  check_taken(" [\n-0.5e+3 ,\t1E-2 ,0 , -0]\r", {{"[\n-0.5e+3 ,\t1E-2 ,0 , -0]", {4}}});
  check_taken("[NaN,Infinity,-Infinity,true,false]", {{"[NaN,Infinity,-Infinity,true,false]", {5}}});
  check_taken(R"([{"x":[1,2]},{"x":[3]}])", {{"[1,2]", {2}}, {"[3]", {1}}});
}

TEST_CASE("of what is no full shape, the parts that are") {
  check_taken("[[1,2],[3]]", {{"[1,2]", {2}}, {"[3]", {1}}});
  check_taken("[[1,2],3]", {{"[1,2]", {2}}});
  check_taken("[3,[1,2]]", {{"[1,2]", {2}}});
  check_taken("[[1],[[2]]]", {{"[1]", {1}}, {"[[2]]", {1, 1}}});
  check_taken(R"([["a"],[1,2]])", {{"[1,2]", {2}}});
  check_taken("[[1,2],null]", {{"[1,2]", {2}}});
  check_taken("[[[1,2],[3,4]],[[5,6],[7]]]", {{"[[1,2],[3,4]]", {2, 2}}, {"[5,6]", {2}}, {"[7]", {1}}});
}

TEST_CASE("what has too few elements stays, and what holds it may have enough") {
  check_taken("[[1,2],[3,4]]", {{"[[1,2],[3,4]]", {2, 2}}}, 3);
  check_taken("[[1,2],[3,4]]", {}, 5);
  check_taken(R"([[1,2,3],["a"],[4]])", {{"[1,2,3]", {3}}}, 2);
  check_taken("[]", {});
  check_taken("[[],[]]", {});
}

TEST_CASE("what is no JSON is left in") {
  for (const char* text : {"[1,]", "[,1]",  "[1 2]",  "[1,,2]", "[01]", "[1.]", "[.5]",  "[1e]",     "[1e+]",
                           "[+1]", "[-]",   "[-NaN]", "[nan]",  "[1",   "1]",   "[1}",   "[--1]",    "[0x1]",
                           "[1[2", "[Inf]", "[1;2]",  "",       "]",    "[[[",  "[tru]", "[12 . 5]", "[1[]]"}) {
    check_taken(text, {});
  }
  check_taken("[1[2]]", {{"[2]", {1}}});  // whoever parses the rest stumbles before it
}

TEST_CASE("strings hide what is in them") {
  check_taken(R"({"[1,2]": "[3]", "a\"[4]": [5]})", {{"[5]", {1}}});
  check_taken(R"(["\\", [1]])", {{"[1]", {1}}});
  check_taken(R"("[1])", {});
  check_taken(R"(["a\)", {});
}

TEST_CASE("no deeper than the limit") {
  const std::string deep = std::string(kMostDepth, '[') + "1" + std::string(kMostDepth, ']');
  check_taken(deep, {{deep, Dims(kMostDepth, 1)}});
  CHECK(taken("[" + deep + "]").empty());
  CHECK(taken(std::string(1000, '[')).empty());
}

TEST_CASE("the outline has two characters for each, and places count UTF-16's units") {
  const std::string text = "{\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\":[1,2],\"b\":[[3],[4]],\"c\":[\"d\"]}";
  const Outline found = outline(text, 2);
  CHECK(found.text == "{\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\":[],\"b\":[],\"c\":[\"d\"]}");
  REQUIRE(found.arrays.size() == 2);
  CHECK(found.arrays[0].place == 8);  // {"ä€ and two units, then ":
  CHECK(found.arrays[1].place == 15);
  CHECK(text.substr(found.arrays[1].begin, found.arrays[1].end - found.arrays[1].begin) == "[[3],[4]]");
}
