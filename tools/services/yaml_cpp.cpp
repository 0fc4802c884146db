// What the real yaml-cpp makes of documents and of scalars, for tests that hold our reader against it.
//
// Reads requests from stdin: a letter, a length in decimal, a line feed, that many bytes. Answers each with a
// line of JSON. `L`: a file as YAML::LoadFile would have it, as a tree. `C`: a text as every conversion has it.
// Bytes are written as the characters U+0000 to U+00FF, so that what is no UTF-8 arrives as well.

#include <yaml-cpp/yaml.h>

#include <cmath>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace {

constexpr int MOST_NODES = 20000;  // aliases may stand for far more than a file is long
constexpr int DEEPEST = 1000;      // or for what they are in

struct TooMany {};

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (unsigned char byte : text) {
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
    if (byte >= ' ' && byte < 127 && byte != '"' && byte != '\\') {
      result += static_cast<char>(byte);
    } else {
      result += escaped;
    }
  }
  return result + "\"";
}

// A node and what is in it, one after the other, so that no reader of JSON need go deep: ["n", line, column],
// ["s", line, column, tag, text], ["l", line, column, tag, items], ["m", line, column, tag, pairs].
class Writer {
 public:
  std::string written() const { return "[" + out_.str() + "]"; }

  void write(const YAML::Node& node) {
    if (++nodes_ > MOST_NODES || ++depth_ > DEEPEST) throw TooMany{};
    const YAML::Mark mark = node.Mark();
    out_ << (nodes_ > 1 ? "," : "") << '[' << kind(node) << ',' << mark.line << ',' << mark.column;
    if (!node.IsNull()) out_ << ',' << quoted(node.Tag()) << ',';
    if (node.IsScalar()) out_ << quoted(node.Scalar());
    if (node.IsSequence() || node.IsMap()) out_ << node.size();
    out_ << ']';
    if (node.IsSequence()) {
      for (const auto& item : node) write(item);
    } else if (node.IsMap()) {
      for (const auto& pair : node) {
        write(pair.first);
        write(pair.second);
      }
    }
    --depth_;
  }

 private:
  static const char* kind(const YAML::Node& node) {
    return node.IsScalar() ? "\"s\"" : node.IsSequence() ? "\"l\"" : node.IsMap() ? "\"m\"" : "\"n\"";
  }

  std::ostringstream out_;
  int nodes_ = 0;
  int depth_ = 0;
};

std::string load(const std::string& data) {
  try {
    std::istringstream stream(data);
    const YAML::Node root = YAML::Load(stream);
    Writer writer;
    writer.write(root);
    return "{\"tree\":" + writer.written() + "}";
  } catch (const YAML::Exception& error) {
    std::ostringstream out;
    out << "{\"refused\":" << quoted(error.msg) << ",\"line\":" << error.mark.line << '}';
    return out.str();
  } catch (const TooMany&) {
    return "{\"many\":true}";
  }
}

std::string shown(double number) {
  if (std::isnan(number)) return "\"nan\"";
  char text[64];
  std::snprintf(text, sizeof text, "\"%a\"", number);
  return text;
}
std::string shown(const std::string& text) { return quoted(text); }
std::string shown(bool truth) { return truth ? "true" : "false"; }
template <typename Number>
std::string shown(Number number) {
  return std::to_string(number);
}

template <typename Conversion>
std::string tried(const char* name, Conversion conversion) {
  std::string value = "null";
  try {
    value = shown(conversion());
  } catch (const YAML::Exception&) {
  } catch (const std::logic_error&) {  // invalid_argument, out_of_range
  }
  return quoted(name) + ":" + value;
}

std::string convert(const std::string& text) {
  const YAML::Node node(text);
  return "{" + tried("integer", [&] { return node.as<int>(); }) + "," +
         tried("unsigned", [&] { return node.as<unsigned>(); }) + "," +
         tried("int64", [&] { return node.as<long>(); }) + "," +
         tried("uint64", [&] { return node.as<unsigned long>(); }) + "," +
         tried("truth", [&] { return node.as<bool>(); }) + "," +
         tried("number", [&] { return node.as<double>(); }) + "," +
         tried("string", [&] { return node.as<std::string>(); }) + "," +
         tried("stoi", [&] { return std::stoi(text); }) + "," +
         tried("stoul", [&] { return std::stoul(text); }) + "," +
         tried("stod", [&] { return std::stod(text); }) + "," +
         tried("stof", [&] { return static_cast<double>(std::stof(text)); }) + "}";
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  char what = 0;
  std::size_t length = 0;
  while (std::cin >> what >> length && std::cin.get() == '\n') {
    std::string data(length, '\0');
    std::cin.read(&data[0], static_cast<std::streamsize>(length));
    std::cout << (what == 'L' ? load(data) : convert(data)) << std::endl;
  }
}
