"""The Kafka adapters against a real broker, where no fake has anything to say."""
