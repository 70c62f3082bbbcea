//! Whose turn it is: VMs that are made, and the one that has the world.

use std::mem;

use super::{Fleet, Spawn};
use crate::{host::Host, place::Place, random::Random};

impl<S: Spawn> Fleet<S> {
    /// A new VM for a thread, which does not have the world.
    pub(super) fn load(&mut self, place: Place) -> Result<Host<S::Guest>, String> {
        self.load_as(place, place.to_string())
    }

    pub(super) fn load_as(
        &mut self,
        place: Place,
        label: String,
    ) -> Result<Host<S::Guest>, String> {
        self.take_world_back();
        let alone = self.plan.workers == 1 && !self.plan.main && !self.plan.canary;
        let mut model = self.template.clone();
        model.place = place;
        model.label = (!alone).then_some(label);
        model.random = Random::seeded(self.plan.seed.wrapping_add(self.spawned));
        self.spawned = self.spawned.saturating_add(1);
        // A filter may read the clock while it is loaded, and may fail to load: it gets a copy of the
        // world, without the record, which is long and not needed.
        let record = mem::take(&mut self.world.record);
        self.world.clone().swap(&mut model);
        let loaded = self.spawn.spawn(model).map(|guest| {
            let mut host = Host::new(guest);
            host.model(|model| self.world.swap(model));
            host
        });
        self.world.record.insert_str(0, &record);
        loaded
    }

    pub(super) fn give_world_to(&mut self, place: Place) {
        if self.resident == Some(place) {
            return;
        }
        self.take_world_back();
        self.swap_world_with(place);
        self.resident = Some(place);
    }

    pub(super) fn take_world_back(&mut self) {
        if let Some(place) = self.resident.take() {
            self.swap_world_with(place);
        }
    }

    fn swap_world_with(&mut self, place: Place) {
        let mut world = mem::take(&mut self.world);
        if let Some(seat) = self.seat(place) {
            seat.host.model(|model| world.swap(model));
        }
        self.world = world;
    }
}
