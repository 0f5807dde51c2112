// Package rabbit talks to RabbitMQ: a supervised connection, a publisher that loses nothing silently, a consumer, queues
// that park what can't be handled, and Watermill's Publisher and Subscriber on top of them.
//
// The pieces, from the wire up:
//
//   - Config says which brokers, how to authenticate and how long anything may take.
//   - Connection holds one AMQP connection to one of several brokers and makes it again, with jitter, when it is lost.
//     A Session is one such connection while it lives.
//   - Publisher publishes with confirms: an error, or the broker has it. After a reconnect it sends again what was not
//     confirmed, so a message can arrive twice, never not at all.
//   - Consume hands over deliveries in the queue's order, over reconnects.
//   - Queue and Ladder declare quorum queues with a delivery limit, a parking queue and delayed redelivery.
//   - Topics gives Watermill's Publisher and Subscriber.
//
// Publish and consume on different connections: a broker under a memory alarm stops reading from connections that
// publish, acknowledgements included.
//
// Of watermill-amqp it uses the configuration of topology, the topology builder, the interface of marshalers and the
// format of messages; docs/decisions says why its connection, publisher and subscriber are not used.
package rabbit
