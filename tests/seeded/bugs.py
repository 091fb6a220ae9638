"""The seeded bugs: what is wrong, as a textual patch, the story that shows it, and how that ends."""

from typing import NamedTuple

CORE = "python_app_template/core"
KAFKA = "python_app_template/adapters/secondary/kafka"
POSTGRES = "python_app_template/adapters/secondary/postgres"

PRODUCED = "                producer.produce(frame, partition_of(frame, self._counts[frame.topic]))\n"
"""How the publisher hands a frame over."""


class Patch(NamedTuple):
    """In this file, what stands there exactly once, and what shall stand there instead."""

    file: str
    find: str
    replace: str


class Bug(NamedTuple):
    """One mistake. `story` names the function in `stories` that brings it out, `sign` what its findings then say."""

    name: str
    story: str
    sign: str
    patches: tuple[Patch, ...]


BUGS = (
    Bug(
        "the position moves in an earlier transaction than the effects",
        "faults_in_one_worker",
        "lost: ",
        (
            Patch(
                f"{POSTGRES}/unit_of_work.py",
                "        unmoved = await positions.advance(self._connection, spans)\n",
                "        unmoved = await positions.advance(self._connection, spans)\n"
                "        await self._connection.commit()\n",
            ),
        ),
    ),
    Bug(
        "the position moves whatever its epoch",
        "a_claim_while_a_batch_is_on_its_way",
        "moved under epoch",
        (
            Patch(
                f"{POSTGRES}/positions.py",
                "s.epoch = p.epoch AND s.start = p.next_offset AS ours",
                "s.start = p.next_offset AS ours",
            ),
        ),
    ),
    Bug(
        "a claim leaves the epoch as it was",
        "a_claim_while_a_batch_is_on_its_way",
        "moved under epoch",
        (Patch(f"{POSTGRES}/positions.py", "SET epoch = epoch + 1,", "SET epoch = epoch,"),),
    ),
    Bug(
        "a batch that was dropped is not sought again",
        "a_claim_while_a_batch_is_on_its_way",
        "lost: ",
        (
            Patch(
                f"{CORE}/delivery/partitions.py",
                "lane.state, lane.owned = State.RUNNING, True\n",
                "lane.state, lane.owned, again = State.RUNNING, True, lane.failed_claims > 0\n",
            ),
            Patch(
                f"{CORE}/delivery/partitions.py",
                "        return [self._admission.start(row.partition, now)]\n\n    def lost",
                "        return [] if again else [self._admission.start(row.partition, now)]\n\n    def lost",
            ),
        ),
    ),
    Bug(
        "no placeholder for a SKU that is not there",
        "a_sku_becomes_known_while_an_order_asks_for_it",
        "rejected after its SKU was known",
        (
            Patch(
                f"{POSTGRES}/stock/load.py",
                "        await connection.execute(PLACE_HOLDERS, {",
                "        str({",
            ),
            Patch(
                f"{POSTGRES}/stock/load.py",
                "versions: dict[str, int] = {row.sku: row.version for row in rows}",
                "versions: dict[str, int] = dict.fromkeys(skus, 0) | {row.sku: row.version for row in rows}",
            ),
            Patch(
                f"{POSTGRES}/stock/flush.py",
                "        UPDATE products p SET version = n.version\n"
                '        FROM unnest(:skus, :versions) AS n (sku, version) WHERE p.sku = n.sku COLLATE "C"\n',
                "        INSERT INTO products (sku, version) SELECT * FROM unnest(:skus, :versions)\n"
                "        ON CONFLICT (sku) DO UPDATE SET version = excluded.version\n",
            ),
        ),
    ),
    Bug(
        "outbox numbers are drawn in the order of inserts",
        "faults_in_one_worker",
        "relay halted (outbox_gap)",
        (
            Patch(
                "alembic/versions/0001_delivery.py",
                "    UPDATE outbox_head SET number = outbox_head.number + 1, bytes = outbox_head.bytes + NEW.bytes\n"
                "        RETURNING outbox_head.number, outbox_head.bytes INTO STRICT head;\n",
                "    SELECT nextval('outbox_numbers') AS number, 0 AS bytes INTO STRICT head;\n",
            ),
            Patch(
                "alembic/versions/0001_delivery.py",
                "DEFERRABLE INITIALLY DEFERRED FOR",
                "DEFERRABLE INITIALLY IMMEDIATE FOR",
            ),
            Patch(
                "alembic/versions/0001_delivery.py",
                "    op.execute(NUMBER)\n",
                '    op.execute("CREATE SEQUENCE outbox_numbers")\n    op.execute(NUMBER)\n',
            ),
        ),
    ),
    Bug(
        "events are produced outside the Kafka transaction",
        "faults_in_one_worker",
        "version: ",
        (
            Patch(
                f"{KAFKA}/transactions.py",
                "            self._producer = new_producer(properties)\n",
                "            self._producer = new_producer(properties)\n"
                "            own = {n: v for n, v in properties.items() if not n.startswith('transaction')}\n"
                "            self.outside = Producer(own)\n",
            ),
            Patch(
                f"{KAFKA}/publisher.py",
                PRODUCED,
                "                number = partition_of(frame, self._counts[frame.topic])\n"
                "                producer.outside.produce("
                "frame.topic, frame.value, frame.key, number, headers=list(frame.headers))\n"
                "            producer.outside.flush(10)\n",
            ),
        ),
    ),
    Bug(
        "the cursor is read before older relays are shut out",
        "a_relay_that_was_frozen_wakes_up",
        "version: ",
        (
            Patch(
                f"{KAFKA}/publisher.py",
                "            await publisher.fence()\n",
                "            publisher.early = await publisher.last()\n"
                '            await asyncio.to_thread(reach, "relay.cursor_read")\n'
                "            await publisher.fence()\n",
            ),
            Patch(
                f"{KAFKA}/publisher.py",
                "    async def cursor(self) -> Cursor | None:\n",
                "    async def cursor(self) -> Cursor | None:\n"
                "        return self.early\n\n"
                "    async def last(self) -> Cursor | None:\n",
            ),
        ),
    ),
    Bug(
        "a transaction whose commit failed is aborted, and the next page follows",
        "faults_in_one_worker",
        "version: ",
        (
            Patch(
                f"{KAFKA}/publisher.py",
                '            self._reach("relay.cursor_produced")\n            producer.commit()\n',
                "            from confluent_kafka import KafkaException\n"
                "            from python_app_template.core.delivery.faults import TransientError\n"
                "            try:\n"
                '                self._reach("relay.cursor_produced")\n'
                "                producer.commit()\n"
                "            except (KafkaException, TransientError):\n"
                "                producer._in_slices(producer._alive().abort_transaction)\n",
            ),
        ),
    ),
    Bug(
        "dead letters are produced in a Kafka transaction of their own",
        "faults_in_one_worker",
        "is there 2 times",
        (
            Patch(
                f"{KAFKA}/publisher.py",
                f"            for frame in frames:\n{PRODUCED}",
                f"            for frame in [frame for frame in frames if not frame.type]:\n{PRODUCED}"
                "            producer.commit()\n"
                "            producer.begin()\n"
                f"            for frame in [frame for frame in frames if frame.type]:\n{PRODUCED}",
            ),
        ),
    ),
    Bug(
        "dead letters are written in a database transaction of their own",
        "faults_in_one_worker",
        "is there 2 times",
        (
            Patch(
                f"{POSTGRES}/outbox.py",
                "        return chain(facts, map(self._bury, self._dead_letters))\n",
                "        self._letters = [self._bury(letter) for letter in self._dead_letters]\n"
                "        return iter(facts)\n",
            ),
            Patch(
                f"{POSTGRES}/outbox.py",
                "        for first in range(0, len(self._rows), ROWS_AT_ONCE):\n",
                "        if letters := getattr(self, '_letters', None):\n"
                "            async with self._connection.engine.begin() as apart:\n"
                "                await append(apart, pack(letters, self._form.row_bytes))\n"
                "        for first in range(0, len(self._rows), ROWS_AT_ONCE):\n",
            ),
        ),
    ),
    Bug(
        "a partition is resumed before it is sought",
        "a_promise_of_every_source_of_messages",
        "test_a_stopped_partition_is_silent_until_it_is_started_again[kafka]",
        (
            Patch(
                "python_app_template/adapters/primary/kafka/poll_thread.py",
                "            self.lanes.start(lane, offset)\n            lane.started = run.number\n",
                "            lane.started = run.number\n"
                "            self.lanes.resume(lane)\n"
                "            for _ in range(20):\n"
                "                self._fetch()\n"
                "            self.lanes.start(lane, offset)\n",
            ),
            Patch(
                "python_app_template/adapters/primary/kafka/lanes.py",
                "    def stop(self, lane: Lane) -> None:\n",
                "    def resume(self, lane: Lane) -> None:\n"
                "        self._drop([lane], {Why.UNCLAIMED, Why.HALTED})\n\n"
                "    def stop(self, lane: Lane) -> None:\n",
            ),
        ),
    ),
    Bug(
        "the relay's page is read from the cursor + 1",
        "a_database_set_back_under_a_relay",
        "went on",
        (
            Patch(f"{POSTGRES}/outbox.py", "    WHERE number >= :number AND", "    WHERE number > :number AND"),
            Patch(
                f"{CORE}/delivery/relaying.py",
                "    witness = page[0] if page else None\n",
                "    page = [OutboxRow(cursor.number, cursor.row_id, ()), *page]\n"
                "    witness = page[0] if page else None\n",
            ),
        ),
    ),
    Bug(
        "a transactional id with the group's name in it",
        "a_relay_that_was_frozen_wakes_up",
        "version: ",
        (
            Patch(
                f"{KAFKA}/transactions.py",
                "kafka_client.producer(settings, transactional_id)",
                'kafka_client.producer(settings, f"{settings.kafka.group_id}-{transactional_id}")',
            ),
        ),
    ),
    Bug(
        "the breaker counts garbage",
        "faults_in_one_worker",
        "exit code 1",
        (
            Patch(
                f"{CORE}/use_cases/settle_batch.py",
                "for letter in outcome.dead_letters if letter.why.reason == FAILED}",
                "for letter in outcome.dead_letters}",
            ),
        ),
    ),
)
